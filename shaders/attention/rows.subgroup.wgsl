{#- The rows that a lane owns, kept in workgroup memory; the rest is as in the file it includes. -#}
{% include "attention/chunks.subgroup.wgsl" %}

// [features / 2][S] rows of every lane.
var<workgroup> rows: array<Packed, {{ chunks * chunk // 2 * S }}>;
