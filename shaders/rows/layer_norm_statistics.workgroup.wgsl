{#- A row's statistics where a workgroup has a row, each invocation some columns. The including file declares `input`. #}
struct Uniform {
    rows: u32,     // M
    width: u32,    // C
    epsilon: f32,
}

{% include "common/workgroup_sum.wgsl" %}

// μ and (σ² + eps)^(−1/2) of a row.
struct Statistics {
    mean: f32,
    factor: f32,
}

fn statistics(first: u32, lane: u32) -> Statistics {
    var sum = 0.0;
    for (var c = lane; c < call.width; c += INVOCATIONS) {
        sum += input[first + c];
    }
    let mean = workgroup_sum(sum, lane) / f32(call.width);

    var square = 0.0;
    for (var c = lane; c < call.width; c += INVOCATIONS) {
        let centred = input[first + c] - mean;
        square += centred * centred;
    }
    return Statistics(mean, 1.0 / sqrt(workgroup_sum(square, lane) / f32(call.width) + call.epsilon));
}
