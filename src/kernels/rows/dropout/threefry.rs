//! Threefry-2x32 with 20 rounds: random words by their number.

/// How far the second word is rotated in the rounds between two keys, in turn.
const ROTATIONS: [[u32; 4]; 2] = [[13, 15, 26, 6], [17, 29, 16, 24]];

/// What the third part of a key is made with, so that no key is all zero.
const PARITY: u32 = 0x1bd1_1bda;

/// Two random words of `key`, those of number `counter`.
#[inline(always)]
pub(super) fn threefry(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    let keys = [key[0], key[1], PARITY ^ key[0] ^ key[1]];
    let [mut x, mut y] = [counter[0].wrapping_add(keys[0]), counter[1].wrapping_add(keys[1])];
    for turn in 1..=5 {
        for left in ROTATIONS[(turn - 1) % 2] {
            x = x.wrapping_add(y);
            y = y.rotate_left(left) ^ x;
        }
        x = x.wrapping_add(keys[turn % 3]);
        y = y.wrapping_add(keys[(turn + 1) % 3]).wrapping_add(turn as u32);
    }
    [x, y]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that its authors publish with their implementation.
    #[test]
    fn words_are_those_of_its_authors() {
        for (key, counter, words) in [
            ([0, 0], [0, 0], [0x6b20_0159, 0x99ba_4efe]),
            ([u32::MAX; 2], [u32::MAX; 2], [0x1cb9_96fc, 0xbb00_2be7]),
            ([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3], [0xc492_3a9c, 0x483d_f7a0]),
        ] {
            assert_eq!(threefry(key, counter), words);
        }
    }

    /// Elements that are looked at.
    const COUNT: u32 = 1 << 16;

    /// How many deviations of √n/2 a count of n fair coins may be off by.
    const FAR: f64 = 4.5;

    /// The elements, as a dropout of this number with this key sees them.
    fn words(key: [u32; 2], draw: u32) -> Vec<u32> {
        (0..COUNT).map(|element| threefry(key, [element, draw])[0]).collect()
    }

    fn is_fair(heads: usize, coins: usize) -> bool {
        (heads as f64 - coins as f64 / 2.0).abs() < FAR * (coins as f64).sqrt() / 2.0
    }

    #[test]
    fn every_bit_is_a_fair_coin() {
        let words = words([7, 0], 3);
        for bit in 0..32 {
            let heads = words.iter().filter(|word| (**word >> bit) & 1 == 1).count();
            assert!(is_fair(heads, words.len()), "bit {bit}: {heads}");
        }
    }

    /// Whether the high bits of two runs of words agree as often as not, which they do where one says nothing of the other.
    fn are_apart(one: &[u32], other: &[u32]) -> bool {
        let equal = one.iter().zip(other).filter(|(one, other)| (*one ^ *other) >> 31 == 0).count();
        is_fair(equal, one.len().min(other.len()))
    }

    #[test]
    fn clips_and_dropouts_have_words_of_their_own() {
        let first = words([7, 0], 3);
        for (key, draw) in [([7, 0], 2), ([7, 0], 4), ([7, 1], 3), ([8, 0], 3), ([6, 0], 3), ([0, 7], 3)] {
            assert!(are_apart(&first, &words(key, draw)), "{key:?}, {draw}");
        }
    }

    /// No stripes: an element says nothing of those beside it, nor of those below it in tensors of usual widths.
    #[test]
    fn elements_say_nothing_of_one_another() {
        let words = words([7, 0], 0);
        for distance in [1, 2, 3, 4, 8, 16, 31, 32, 64, 192, 256, 768, 1024, 3072, 4096] {
            assert!(are_apart(&words, &words[distance..]), "{distance}");
        }
    }

    /// Of all pairs of neighbours, each of 16 × 16 kinds is about as frequent: χ² of 255 degrees of freedom.
    #[test]
    fn pairs_of_neighbours_are_spread_evenly() {
        let words = words([1, 2], 5);
        let mut counts = vec![0.0; 256];
        words
            .as_chunks::<2>()
            .0
            .iter()
            .for_each(|[one, two]| counts[(((one >> 28) << 4) | (two >> 28)) as usize] += 1.0);
        let expected = f64::from(COUNT / 2) / 256.0;
        let squares = counts.iter().map(|count: &f64| (count - expected).powi(2) / expected).sum::<f64>();
        assert!((160.0..360.0).contains(&squares), "{squares}");
    }

    /// Each bit of key and counter changes half of the bits of the word, on the mean.
    #[test]
    fn every_bit_of_key_and_counter_matters() {
        for bit in 0..128 {
            let mut changed = 0;
            for element in 0..256 {
                let before = [3, 4, element, 1];
                let mut after = before;
                after[bit / 32] ^= 1 << (bit % 32);
                let word = |[a, b, c, d]: [u32; 4]| threefry([a, b], [c, d])[0];
                changed += (word(before) ^ word(after)).count_ones() as usize;
            }
            assert!(is_fair(changed, 256 * 32), "bit {bit}: {changed}");
        }
    }
}
