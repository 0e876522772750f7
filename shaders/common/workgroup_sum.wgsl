// The sum of one value per invocation over a workgroup of INVOCATIONS (a power of two), the same in each.

var<workgroup> partial_sums: array<f32, INVOCATIONS>;

fn workgroup_sum(value: f32, lane: u32) -> f32 {
    partial_sums[lane] = value;
    workgroupBarrier();
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        if lane < half {
            partial_sums[lane] += partial_sums[lane + half];
        }
        workgroupBarrier();
    }
    let sum = partial_sums[0];
    workgroupBarrier();
    return sum;
}
