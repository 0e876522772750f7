//! That clips are the same for the same seed, that only the motion tells their class, and that it does.

use std::ops::ControlFlow;

use super::*;

fn motions(set: MotionSet, clips: usize, frames: usize, side: usize) -> Motions {
    Motions::new(MotionOptions::new(set).clips(clips).frames(frames).size([side; 2])).unwrap()
}

/// RGB bytes of all frames.
fn bytes(motions: &Motions, index: usize) -> Vec<Vec<u8>> {
    motions.clip(index).unwrap().clip.frames().iter().map(|frame| frame.as_bytes().to_vec()).collect()
}

/// FNV-1a.
fn hash<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The hashes are those of every machine: a change of them is another data set.
#[test]
fn a_seed_decides_every_byte() {
    let found = [MotionSet::Shapes, MotionSet::Dots, MotionSet::Camera].map(|set| {
        let made = motions(set, 2, 9, 24);
        let frames: Vec<u8> = (0..made.len()).flat_map(|index| bytes(&made, index).concat()).collect();
        format!("{set} {:016x}", hash(&frames))
    });
    assert_eq!(found, ["shapes 9320c989016718bd", "dots c611784c55ed8cb5", "camera af7b4aacd3f19045"]);
}

#[test]
fn order_and_threads_change_nothing() {
    for &set in MotionSet::ALL {
        let (one, many) = (motions(set, 4, 4, 24), motions(set, 4, 4, 24));
        let hashes = |index: usize, made: &Motions| hash(bytes(made, index).iter().flatten());
        let alone: Vec<_> = (0..one.len()).map(|index| hashes(index, &one)).collect();
        let found = std::sync::Mutex::new(vec![0; many.len()]);
        std::thread::scope(|scope| {
            for thread in 0..5 {
                let (many, found) = (&many, &found);
                scope.spawn(move || {
                    for index in (0..many.len()).rev().filter(|index| index % 5 == thread) {
                        let hash = hashes(index, many);
                        found.lock().unwrap()[index] = hash;
                    }
                });
            }
        });
        assert_eq!(found.into_inner().unwrap(), alone, "{set}");
    }
}

/// As a training asks for clips: those of a scene lie far apart. Of seven scenes of a set the last has no mirror image.
#[test]
fn in_random_order_each_scene_is_drawn_once() {
    let options = || MotionOptions::new(MotionSet::ALL).clips(7).frames(4).size([24, 24]);
    let (in_order, shuffled) = (Motions::new(options()).unwrap(), Motions::new(options()).unwrap());
    let expected: Vec<_> = in_order.iter().map(|labelled| labelled.unwrap().clip).collect();
    let distinct = 4 * MotionSet::ALL.len();
    assert_eq!(in_order.scenes(), [distinct, 0]);
    let mut order: Vec<usize> = (0..shuffled.len()).collect();
    random::Random::new(11, &[0]).shuffle(&mut order);
    assert_ne!(order, (0..shuffled.len()).collect::<Vec<_>>());
    let workers: Vec<_> = (0..3).map(|worker| order.iter().skip(worker).step_by(3)).collect();
    std::thread::scope(|scope| {
        for indices in workers {
            let (shuffled, expected) = (&shuffled, &expected);
            scope.spawn(move || {
                for &index in indices {
                    assert!(shuffled.clip(index).unwrap().clip == expected[index], "clip {index}");
                }
            });
        }
    });
    assert_eq!(shuffled.scenes(), [distinct, 0]);
}

#[test]
fn seeds_splits_and_scenes_share_nothing() {
    let options = || MotionOptions::new(MotionSet::Camera).clips(3).frames(2).size([24, 24]);
    let first = |options: MotionOptions, index| bytes(&Motions::new(options).unwrap(), index);
    let base = first(options(), 8);
    assert!(base == first(options(), 8));
    assert!(base != first(options().seed(1), 8));
    assert!(base != first(options().split(Split::Validation), 8));
    assert!(base != first(options(), 28));
}

#[test]
fn classes_are_balanced_and_each_scene_shows_all() {
    for &set in MotionSet::ALL {
        let made = motions(set, 7, 8, 32);
        assert_eq!(made.len(), 70);
        let all: Vec<_> = (0..70).map(|index| made.motion(index).unwrap()).collect();
        for (label, &motion) in set.motions().iter().enumerate() {
            let of_class: Vec<_> = all.iter().filter(|clip| clip.0 == motion && clip.1 == label).collect();
            let scenes: Vec<_> = of_class.iter().map(|clip| clip.2).collect();
            assert_eq!(scenes, (0..7).collect::<Vec<_>>(), "{motion}");
            assert_eq!(motion.reversed().reversed(), motion);
            assert_eq!(motion.mirrored().mirrored(), motion);
            assert!(set.motions().contains(&motion.reversed()));
        }
        assert!(made.motion(70).is_err() && made.clip(70).is_err());
    }
}

#[test]
fn reversals_and_mirror_images_share_their_frames() {
    for &set in MotionSet::ALL {
        let made = motions(set, 4, 6, 24);
        let label = |motion: Motion| set.motions().iter().position(|other| *other == motion).unwrap();
        for (scene, &motion) in (0..4).flat_map(|scene| set.motions().iter().map(move |motion| (scene, motion))) {
            let frames = |scene: usize, motion: Motion| bytes(&made, scene * 10 + label(motion));
            let mut reversed = frames(scene, motion.reversed());
            if motion.reversed() != motion {
                reversed.reverse();
            }
            assert!(frames(scene, motion) == reversed, "{motion}, scene {scene}");
            let mirrored: Vec<_> =
                frames(scene ^ 1, motion.mirrored()).iter().map(|frame| drawing::mirrored(frame, 24)).collect();
            assert!(frames(scene, motion) == mirrored, "{motion}, scenes {scene} and {}", scene ^ 1);
        }
    }
}

/// Of shapes and cameras the middle frames are even the same in all classes, apart from the noise.
#[test]
fn in_the_middle_all_classes_look_alike() {
    for set in [MotionSet::Shapes, MotionSet::Camera] {
        let made = motions(set, 6, 7, 32);
        for scene in (0..6).step_by(2) {
            let middle = |label: usize| bytes(&made, 10 * scene + label)[3].clone();
            let first = middle(0);
            for (label, motion) in set.motions().iter().enumerate().filter(|(_, motion)| **motion != Motion::Shake) {
                let furthest = first.iter().zip(middle(label)).map(|(a, b)| a.abs_diff(b)).max();
                assert!(furthest <= Some(9), "{motion}: {furthest:?}");
            }
        }
    }
}

/// What can be measured of one frame: brightness and its deviation, gradients across and down, brightness in 6×6 parts.
fn measured(frame: &[u8], side: usize) -> Vec<f64> {
    let grey = grey(frame);
    let mean = grey.iter().sum::<f32>() / grey.len() as f32;
    let deviation = (grey.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / grey.len() as f32).sqrt();
    let gradient = |step: usize| {
        let pairs = (0..side * (side - 1)).map(|pair| match step {
            1 => (pair / (side - 1) * side + pair % (side - 1), 1),
            _ => (pair, side),
        });
        pairs.map(|(pixel, step)| (grey[pixel + step] - grey[pixel]).abs()).sum::<f32>()
    };
    let part = side / 6;
    let parts = (0..36).map(|index| {
        let (top, left) = (index / 6 * part, index % 6 * part);
        let pixels = (top..top + part).flat_map(|row| (left..left + part).map(move |column| row * side + column));
        pixels.map(|pixel| grey[pixel]).sum::<f32>() / (part * part) as f32
    });
    [mean, deviation, gradient(1), gradient(side)].into_iter().chain(parts).map(f64::from).collect()
}

fn grey(frame: &[u8]) -> Vec<f32> {
    frame.chunks_exact(3).map(|rgb| rgb.iter().map(|byte| f32::from(*byte)).sum::<f32>() / 3.0).collect()
}

/// Means of classes lie within what chance makes of them; and who guesses the class whose means are nearest is right no
/// more often than by chance and ten points.
#[test]
fn no_statistic_of_a_frame_tells_the_class() {
    const SCENES: usize = 60;
    for (&set, frame) in MotionSet::ALL.iter().flat_map(|set| [0, 4].map(|frame| (set, frame))) {
        let of = |split: Split| {
            let options = MotionOptions::new(set).split(split).clips(SCENES).frames(9).size([24, 24]);
            let made = Motions::new(options).unwrap();
            let of_class = |label: usize| -> Vec<Vec<f64>> {
                (0..SCENES).map(|scene| measured(&bytes(&made, 10 * scene + label)[frame], 24)).collect()
            };
            (0..10).map(of_class).collect::<Vec<_>>()
        };
        let (training, validation) = (of(Split::Training), of(Split::Validation));
        let mean =
            |rows: &[Vec<f64>], column: usize| rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
        let columns = training[0][0].len();
        let (mut means, mut deviations, mut furthest) = (vec![vec![0.0; columns]; 10], vec![0.0; columns], 0.0f64);
        for column in 0..columns {
            let all = training.concat();
            let overall = mean(&all, column);
            deviations[column] =
                (all.iter().map(|row| (row[column] - overall).powi(2)).sum::<f64>() / all.len() as f64).sqrt();
            for (label, rows) in training.iter().enumerate() {
                means[label][column] = mean(rows, column);
                let chance = deviations[column] / (SCENES as f64).sqrt();
                furthest = furthest.max((means[label][column] - overall).abs() / chance);
            }
        }
        assert!(furthest < 4.0, "{set}, frame {frame}: a mean lies {furthest:.1} standard errors away");
        let nearest = |row: &[f64]| {
            let distance = |label: usize| -> f64 {
                (0..columns).map(|column| ((row[column] - means[label][column]) / deviations[column]).powi(2)).sum()
            };
            (0..10).min_by(|a, b| distance(*a).total_cmp(&distance(*b))).unwrap()
        };
        let right: usize =
            (0..10).map(|label| validation[label].iter().filter(|row| nearest(row) == label).count()).sum();
        let share = right as f64 / (10 * SCENES) as f64;
        assert!(share < 0.2, "{set}, frame {frame}: {share}");
    }
}

/// How blocks of pixels move from one frame to another: where each is and where it went, [x, y] in pixels.
fn block_motion(from: &[u8], to: &[u8], side: usize, blocks: &[[usize; 2]]) -> Vec<[f32; 2]> {
    const BLOCK: usize = 8;
    const REACH: i32 = 8;
    let (from, to) = (grey(from), grey(to));
    let difference = |[x, y]: [usize; 2], [right, down]: [i32; 2]| {
        let pixels = (0..BLOCK).flat_map(|row| (0..BLOCK).map(move |column| (y + row, x + column)));
        let moved = |row: usize, column: usize| (row as i32 + down) as usize * side + (column as i32 + right) as usize;
        pixels.map(|(row, column)| (from[row * side + column] - to[moved(row, column)]).powi(2)).sum::<f32>()
    };
    let best = |&[x, y]: &[usize; 2]| {
        let fits = |at: usize, by: i32| at as i32 + by >= 0 && at as i32 + by + BLOCK as i32 <= side as i32;
        let shifts = (-REACH..=REACH).flat_map(|down| (-REACH..=REACH).map(move |right| [right, down]));
        let shifts = shifts.filter(|[right, down]| fits(x, *right) && fits(y, *down));
        // Of what is equal apart from noise the shortest.
        let cost = |shift: &[i32; 2]| difference([x, y], *shift) + 4.0 * (shift[0].pow(2) + shift[1].pow(2)) as f32;
        let best = shifts.min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap();
        best.map(|part| part as f32)
    };
    blocks.iter().map(best).collect()
}

/// How much blocks move right and down, outwards from `centre` and clockwise about it.
fn summed(blocks: &[[usize; 2]], shifts: &[[f32; 2]], centre: [f32; 2]) -> [f32; 4] {
    let mut sums = [0.0; 4];
    for (block, [right, down]) in blocks.iter().zip(shifts) {
        let [x, y] = [block[0] as f32 + 4.0 - centre[0], block[1] as f32 + 4.0 - centre[1]];
        for (sum, part) in sums.iter_mut().zip([*right, *down, x * right + y * down, x * down - y * right]) {
            *sum += part;
        }
    }
    sums
}

/// The measure that tells a motion, and its sign.
fn expected(motion: Motion) -> Option<(usize, f32)> {
    Some(match motion {
        Motion::MoveRight | Motion::PanLeft => (0, 1.0),
        Motion::MoveLeft | Motion::PanRight => (0, -1.0),
        Motion::MoveDown | Motion::PanUp => (1, 1.0),
        Motion::MoveUp | Motion::PanDown => (1, -1.0),
        Motion::Grow | Motion::ZoomIn | Motion::Part => (2, 1.0),
        Motion::Shrink | Motion::ZoomOut | Motion::Approach => (2, -1.0),
        Motion::TurnClockwise | Motion::RollLeft => (3, 1.0),
        Motion::TurnAnticlockwise | Motion::RollRight => (3, -1.0),
        Motion::Still | Motion::Shake => return None,
    })
}

#[test]
fn pictures_and_dots_move_as_they_are_called() {
    const SIDE: usize = 48;
    const SCENES: usize = 16;
    // From where every shift stays in the frame: near the edges what is not found would seem to move inwards.
    let along = || (8..=SIDE - 16).step_by(4);
    let blocks: Vec<[usize; 2]> = along().flat_map(|y| along().map(move |x| [x, y])).collect();
    for set in [MotionSet::Camera, MotionSet::Dots] {
        let made = motions(set, SCENES, 13, SIDE);
        for (label, &motion) in set.motions().iter().enumerate() {
            let measured = |scene: usize| {
                let frames = bytes(&made, 10 * scene + label);
                let between = |from: usize| {
                    let shifts = block_motion(&frames[from], &frames[from + 2], SIDE, &blocks);
                    summed(&blocks, &shifts, [SIDE as f32 / 2.0; 2])
                };
                let (first, second) = (between(4), between(6));
                [0, 1, 2, 3].map(|measure| first[measure] + second[measure])
            };
            let right = (0..SCENES).filter(|scene| match expected(motion) {
                Some((measure, sign)) => measured(*scene)[measure] * sign > 0.0,
                None if motion == Motion::Still => measured(*scene).iter().all(|sum| sum.abs() < 40.0),
                None => true,
            });
            let right = right.count();
            assert!(right * 10 >= SCENES * 8, "{motion} in {set}: {right} of {SCENES}");
        }
    }
}

#[test]
fn shapes_move_as_they_are_called() {
    const SIDE: usize = 64;
    const SCENES: usize = 24;
    let made = motions(MotionSet::Shapes, SCENES, 13, SIDE);
    for (label, &motion) in MotionSet::Shapes.motions().iter().enumerate() {
        let (mut right, mut seen) = (0, 0);
        // Those that are not mirrored.
        for scene in (0..SCENES).step_by(2) {
            let frames = bytes(&made, 10 * scene + label);
            // What grows moves least.
            let pair = if motion.axis() == motion::Axis::Scale { [2, 10] } else { [5, 7] };
            let shapes = made.shapes(scene / 2).unwrap();
            let centres: Vec<_> = shapes.iter().map(|(centre, _)| centre.map(|part| part * SIDE as f32)).collect();
            let middle = [0, 1].map(|axis| 0.5 * (centres[0][axis] + centres[1][axis]));
            let mut sums = [0.0; 4];
            for (centre, (_, radius)) in centres.iter().zip(&shapes) {
                let reach = 0.7 * radius * SIDE as f32;
                let near = |[x, y]: [usize; 2]| {
                    let (x, y) = (x as f32 + 4.0 - centre[0], y as f32 + 4.0 - centre[1]);
                    x * x + y * y < reach * reach
                };
                let along = || (0..SIDE - 8).step_by(2);
                let blocks: Vec<_> =
                    along().flat_map(|y| along().map(move |x| [x, y])).filter(|at| near(*at)).collect();
                let shifts = block_motion(&frames[pair[0]], &frames[pair[1]], SIDE, &blocks);
                let about = if motion.axis() == motion::Axis::Distance { middle } else { *centre };
                sums.iter_mut().zip(summed(&blocks, &shifts, about)).for_each(|(sum, more)| *sum += more);
            }
            if let Some((measure, sign)) = expected(motion) {
                seen += 1;
                right += usize::from(sums[measure] * sign > 0.0);
            }
        }
        assert!(right * 10 >= seen * 8, "{motion}: {right} of {seen}");
    }
}

#[test]
fn photographs_are_parted_between_the_splits() {
    let folder = tempfile::tempdir().unwrap();
    let write = |index: u8| {
        let picture = image::RgbImage::from_fn(200, 120, |x, y| image::Rgb([25 * index, x as u8, y as u8]));
        picture.save(folder.path().join(format!("{index}.png"))).unwrap();
    };
    write(0);
    let options = |split| {
        let options = MotionOptions::new(MotionSet::Camera).clips(20).frames(2).size([32, 48]).split(split);
        options.photographs(Some(folder.path().to_owned()))
    };
    let error = Motions::new(options(Split::Training)).unwrap_err().to_string();
    assert!(error.contains("at least two"), "{error}");
    (1..6).for_each(write);
    let seen = |split| -> std::collections::BTreeSet<u8> {
        let made = Motions::new(options(split)).unwrap();
        let red = |index: usize| {
            let frame = &bytes(&made, index)[0];
            let mean = frame.iter().step_by(3).map(|byte| f32::from(*byte)).sum::<f32>() / (frame.len() / 3) as f32;
            (mean / 25.0).round() as u8
        };
        (0..made.len()).step_by(10).map(red).collect()
    };
    let (training, validation) = (seen(Split::Training), seen(Split::Validation));
    assert_eq!((training.len(), validation.len()), (5, 1), "{training:?} {validation:?}");
    assert!(training.is_disjoint(&validation));
    let shapes = MotionOptions::new([MotionSet::Shapes, MotionSet::Dots]).photographs(Some(folder.path().to_owned()));
    assert!(Motions::new(shapes).unwrap_err().to_string().contains("set camera"));
    // Beside a camera, shapes are what they are without photographs.
    let beside = MotionOptions { sets: vec![MotionSet::Shapes, MotionSet::Camera], ..options(Split::Training) };
    let plain = MotionOptions { photographs: None, ..beside.clone() };
    let (beside, plain) = (Motions::new(beside).unwrap(), Motions::new(plain).unwrap());
    assert!(bytes(&beside, 3) == bytes(&plain, 3) && bytes(&beside, 13) != bytes(&plain, 13));
    assert!(beside.name(3).unwrap().contains("/photographs-"));
}

/// One that begins as no picture is refused before anything is computed; one that breaks off later, when it is drawn.
#[test]
fn a_broken_photograph_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let picture = image::RgbImage::from_fn(240, 180, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
    ["1.jpg", "2.jpg"].iter().for_each(|name| picture.save(path(name)).unwrap());
    let made = || {
        let made = |split| {
            let options = MotionOptions::new(MotionSet::Camera).clips(2).frames(2).size([32, 32]).split(split);
            let motions = Motions::new(options.photographs(Some(folder.path().to_owned())))?;
            motions.iter().try_for_each(|clip| clip.map(drop))
        };
        made(Split::Training).and_then(|()| made(Split::Validation))
    };
    made().unwrap();
    let whole = std::fs::read(path("1.jpg")).unwrap();
    for (content, why) in [(&b"no picture"[..], "it holds no picture"), (&whole[..whole.len() / 2], "it is truncated")]
    {
        std::fs::write(path("1.jpg"), content).unwrap();
        let error = made().unwrap_err();
        let (kind, told) = (error.kind(), error.to_string());
        assert_eq!(kind, crate::tensor::ErrorKind::File, "{told}");
        for part in ["1.jpg cannot be read as a picture", why, "take it away"] {
            assert!(told.contains(part), "{told}");
        }
    }
}

#[test]
fn options_that_make_no_clip_are_refused() {
    let says = |options: MotionOptions| Motions::new(options).unwrap_err().to_string();
    let options = || MotionOptions::new(MotionSet::Dots);
    assert!(says(options().size([8, 64])).contains("8x64"));
    assert!(says(options().frames(1)).contains("1 frames"));
    assert!(says(options().clips(usize::MAX)).contains("too many"));
    assert!(says(MotionOptions::new(Vec::<MotionSet>::new())).contains("no set"));
    let twice = [MotionSet::Dots, MotionSet::Camera, MotionSet::Dots];
    assert!(says(MotionOptions::new(twice)).contains("dots is named twice"));
}

/// One model learns shapes and cameras at once, from the clips that each set has alone.
#[test]
fn several_sets_are_shown_in_turn() {
    const SETS: [MotionSet; 2] = [MotionSet::Shapes, MotionSet::Camera];
    let options = MotionOptions::new(SETS).clips(3).frames(4).size([24, 32]);
    let (both, alone) = (
        Motions::new(options.clone()).unwrap(),
        SETS.map(|set| Motions::new(MotionOptions { sets: vec![set], ..options.clone() }).unwrap()),
    );
    assert_eq!(both.len(), 60);
    assert_eq!(both.classes(), SETS.map(MotionSet::motions).concat());
    for index in 0..both.len() {
        let (scene, label) = (index / 20, index % 20);
        let set = label / 10;
        let (found, expected) = (both.clip(index).unwrap(), alone[set].clip(10 * scene + label % 10).unwrap());
        assert!(found.clip == expected.clip, "clip {index} is not that of {}", SETS[set]);
        assert_eq!((found.motion, found.label, found.scene), (expected.motion, label, 2 * scene + set));
    }
    // Labels follow the order in which sets are named, and a motion of two sets is one class.
    let label = |sets: &[MotionSet], index| Motions::new(MotionOptions::new(sets)).unwrap().motion(index).unwrap().1;
    assert_eq!([0, 10, 19].map(|index| label(&[MotionSet::Camera, MotionSet::Shapes], index)), [0, 10, 19]);
    assert_eq!([0, 10, 19, 29].map(|index| label(MotionSet::ALL, index)), [0, 0, 9, 19]);
    assert_eq!(MotionOptions::new(MotionSet::ALL).classes().len(), 20);
}

#[test]
fn without_their_order_frames_are_the_same_frames() {
    const FRAMES: usize = 12;
    let made = |sets: &[MotionSet], order| {
        Motions::new(MotionOptions::new(sets).clips(2).frames(FRAMES).size([16, 24]).order(order)).unwrap()
    };
    let orders = [FrameOrder::Whole, FrameOrder::Single, FrameOrder::Shuffled];
    let [whole, single, shuffled] = orders.map(|order| made(&[MotionSet::Camera], order));
    let both = made(&[MotionSet::Dots, MotionSet::Camera], FrameOrder::Shuffled);
    let mut orders = Vec::new();
    for index in 0..whole.len() {
        let frames = bytes(&whole, index);
        assert!(bytes(&single, index) == vec![frames[FRAMES / 2].clone(); FRAMES], "clip {index}");
        let found = bytes(&shuffled, index);
        assert!(found == bytes(&shuffled, index), "clip {index}");
        assert!(found == bytes(&both, 20 * (index / 10) + 10 + index % 10), "clip {index} beside dots");
        let (mut sorted, mut expected) = (found.clone(), frames.clone());
        sorted.sort_unstable();
        expected.sort_unstable();
        assert!(sorted == expected, "clip {index} has other frames");
        // Frames of a camera that stands still may be equal.
        if whole.motion(index).unwrap().0 != Motion::Still {
            assert!(found != frames, "clip {index} has its order");
            orders.push(found.iter().map(|frame| frames.iter().position(|other| other == frame)).collect::<Vec<_>>());
        }
    }
    // Each clip has an order of its own, a motion and its reversal too.
    let distinct: std::collections::BTreeSet<_> = orders.iter().collect();
    assert_eq!((orders.len(), distinct.len()), (18, 18));
}

/// Results and positions of a training are known by the names of their clips.
#[test]
fn names_tell_clips_apart() {
    let options = || MotionOptions::new([MotionSet::Shapes, MotionSet::Camera]).clips(2).frames(16).size([48, 64]);
    let name = |options: MotionOptions| Motions::new(options).unwrap().name(12).unwrap();
    assert_eq!(name(options()), "shapes+camera/train/16x48x64/seed-0/000012-pan-up");
    let others = [
        options().seed(1),
        options().frames(8),
        options().size([64, 48]),
        options().split(Split::Validation),
        options().order(FrameOrder::Single),
        options().order(FrameOrder::Shuffled),
        MotionOptions::new([MotionSet::Dots, MotionSet::Camera]).clips(2).frames(16).size([48, 64]),
    ];
    let mut names: std::collections::BTreeSet<String> = others.into_iter().map(name).collect();
    names.insert(name(options()));
    assert_eq!(names.len(), 8, "{names:?}");
    assert!(Motions::new(options()).unwrap().name(40).is_err());
}

#[test]
fn a_folder_is_what_manifests_say() {
    use crate::eval::{ClassNames, Manifest, Task};
    use crate::video::{VideoEncoder, VideoFormat};
    use crate::vivit::Labelling;

    let room = tempfile::tempdir().unwrap();
    let folder = room.path().join("motions");
    let part = |split, clips| {
        let options = MotionOptions::new(MotionSet::Camera).split(split).clips(clips).frames(4).size([32, 48]);
        Motions::new(options).unwrap()
    };
    let parts = [part(Split::Training, 2), part(Split::Validation, 1)];
    let files = MotionFiles::new(VideoEncoder::new(VideoFormat::Npy, [32, 48], 25.0).unwrap(), 3);
    let mut told = Vec::new();
    let mut hear = |written| {
        told.push(written);
        ControlFlow::Continue(())
    };
    let splits = files.write(&parts, &folder, &mut hear).unwrap();
    assert_eq!(told, (1..=30).collect::<Vec<_>>());
    assert_eq!(
        splits.iter().map(|split| (split.name, split.clips)).collect::<Vec<_>>(),
        [("train", 20), ("validation", 10)]
    );
    let task = Task::new(Labelling::Single, 10).unwrap();
    let names = ClassNames::read(folder.join("classes.txt"), &task).unwrap();
    for (split, motions) in splits.iter().zip(&parts) {
        let manifest = Manifest::read(folder.join(&split.manifest), None, None, &task, &names).unwrap();
        assert_eq!(manifest.items().len(), split.clips);
        for (index, item) in manifest.items().iter().enumerate() {
            let labelled = motions.clip(index).unwrap();
            assert_eq!(item.labels, [labelled.label]);
            assert_eq!(names.name(0, labelled.label), Some(labelled.motion.name()));
            let frames = crate::video::open(&item.path).unwrap().read(&[0, 1, 2, 3]).unwrap();
            assert!(frames.iter().zip(labelled.clip.frames()).all(|(read, made)| read.as_bytes() == made.as_bytes()));
        }
    }
    let error = files.write(&parts, &folder, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(error.contains("is there already"), "{error}");
    let error = files.write(&parts, room.path().join("other"), &mut |_| ControlFlow::Break(())).unwrap_err();
    assert_eq!(error.kind(), crate::tensor::ErrorKind::Interrupted);
    assert_eq!(std::fs::read_dir(room.path()).unwrap().count(), 1, "something half-written is left");
}
