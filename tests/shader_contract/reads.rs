//! Which members of its uniform a shader reads.

use std::collections::{BTreeSet, HashSet};

use naga::valid::{FunctionInfo, ModuleInfo};

/// The members of the uniform that `main`, or a function it calls, loads and does something with.
pub(super) fn members_read(module: &naga::Module, info: &ModuleInfo) -> BTreeSet<String> {
    let mut read = BTreeSet::new();
    let mut called = HashSet::new();
    let mut waiting = Vec::new();
    for (place, entry) in module.entry_points.iter().enumerate() {
        members_read_in(module, &entry.function, info.get_entry_point(place), &mut read);
        calls_in(&entry.function.body, &mut waiting);
    }
    while let Some(handle) = waiting.pop() {
        if called.insert(handle) {
            members_read_in(module, &module.functions[handle], &info[handle], &mut read);
            calls_in(&module.functions[handle].body, &mut waiting);
        }
    }
    read
}

fn members_read_in(module: &naga::Module, function: &naga::Function, info: &FunctionInfo, read: &mut BTreeSet<String>) {
    use naga::Expression::{AccessIndex, GlobalVariable, Load};
    for (handle, expression) in function.expressions.iter() {
        let Load { pointer } = *expression else { continue };
        let AccessIndex { base, index } = function.expressions[pointer] else { continue };
        let GlobalVariable(global) = function.expressions[base] else { continue };
        let global = &module.global_variables[global];
        if global.space != naga::AddressSpace::Uniform || info[handle].ref_count == 0 {
            continue;
        }
        if let naga::TypeInner::Struct { members, .. } = &module.types[global.ty].inner {
            read.extend(members[index as usize].name.clone());
        }
    }
}

fn calls_in(block: &naga::Block, calls: &mut Vec<naga::Handle<naga::Function>>) {
    use naga::Statement;
    for statement in block.iter() {
        match statement {
            Statement::Call { function, .. } => calls.push(*function),
            Statement::Block(block) => calls_in(block, calls),
            Statement::If { accept: first, reject: second, .. }
            | Statement::Loop { body: first, continuing: second, .. } => {
                calls_in(first, calls);
                calls_in(second, calls);
            }
            Statement::Switch { cases, .. } => cases.iter().for_each(|case| calls_in(&case.body, calls)),
            _ => {}
        }
    }
}

/// A member counts where `main` makes something of it, not where a function that nobody calls does.
#[test]
fn a_member_that_nothing_is_made_of_is_not_read() {
    let wgsl = "
        struct Uniform { used: u32, called: u32, dropped: u32, unreachable: u32, unread: u32 }
        @group(0) @binding(0) var<uniform> call: Uniform;
        @group(0) @binding(1) var<storage, read_write> output: array<u32>;
        fn reached() -> u32 { return call.called; }
        fn idle() -> u32 { return call.unreachable; }
        @compute @workgroup_size(1)
        fn main() {
            let dropped = call.dropped;
            if call.used > 1u { output[0] = reached(); }
        }";
    let (module, info) = crate::parse(wgsl).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(members_read(&module, &info), ["called", "used"].map(str::to_owned).into());
}
