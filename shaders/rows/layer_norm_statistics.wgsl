{#- A row's statistics where an invocation has a row: two passes, four columns a step. The including file declares `input`. #}
struct Uniform {
    rows: u32,     // M
    width: u32,    // C
    epsilon: f32,
}

// μ and (σ² + eps)^(−1/2) of a row.
struct Statistics {
    mean: f32,
    factor: f32,
}

fn four_of_input(at: u32) -> vec4<f32> {
    return vec4(input[at], input[at + 1u], input[at + 2u], input[at + 3u]);
}

fn statistics(first: u32) -> Statistics {
    let width = call.width;
    let whole = width - width % 4u;
    var sums = vec4<f32>();
    for (var c = 0u; c < whole; c += 4u) {
        sums += four_of_input(first + c);
    }
    var sum = sums.x + sums.y + sums.z + sums.w;
    for (var c = whole; c < width; c += 1u) {
        sum += input[first + c];
    }
    let mean = sum / f32(width);

    var squares = vec4<f32>();
    for (var c = 0u; c < whole; c += 4u) {
        let centred = four_of_input(first + c) - mean;
        squares += centred * centred;
    }
    var square = squares.x + squares.y + squares.z + squares.w;
    for (var c = whole; c < width; c += 1u) {
        let centred = input[first + c] - mean;
        square += centred * centred;
    }
    return Statistics(mean, 1.0 / sqrt(square / f32(width) + call.epsilon));
}
