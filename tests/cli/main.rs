//! The program as its users meet it: what it prints, what it writes, and how it fails.

mod bench;
mod check;
mod classify;
mod clip;
#[path = "../common/mod.rs"]
mod common;
mod devices;
mod evaluation;
mod examples;
mod files;
mod forward;
mod gradient;
mod inputs;
mod interruption;
mod json;
mod many;
mod models;
mod motions;
mod outputs;
mod ran;
mod saved;
mod training;
mod usage;

use std::process::ExitCode;

use common::{DeviceTests, Shown};
use files::{Kept, copied_model, model, pictures, read_npy, read_safetensors, video, write_npy};
use libtest_mimic::Failed;
use ran::{Ran, ensure, tubelet};

type Outcome = Result<(), Failed>;
type ProgramTest = (&'static str, fn() -> Outcome);

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    let without_device: &[ProgramTest] = &[
        ("help fits 80 columns and has examples", usage::help),
        ("wrong use exits with 2", usage::wrong),
        ("bad videos are named", inputs::bad_videos),
        ("ffmpeg missing or killed", inputs::ffmpeg_fails),
        ("bad checkpoints are named", inputs::bad_checkpoints),
        ("bad clips and taps are named", inputs::bad_clips_and_taps),
        ("absurd sizes are refused", inputs::absurd_sizes),
        ("unwritable outputs are found before the work", outputs::unwritable),
        ("a machine without devices is told what to install", devices::none),
        ("a machine without devices has a processor", devices::processor),
        ("a machine without devices has nothing to check", check::no_adapters),
        ("closed and full stdout", outputs::closed_and_full_stdout),
        ("completions", usage::completions),
        ("outputs are readable by others", outputs::permissions),
        ("clip by reference is the published tensor", || clip::published(&["--device", "references"])),
        ("leftovers of killed runs are removed", interruption::leftovers_go),
        #[cfg(target_os = "linux")]
        ("decoders end with the program", interruption::decoders_end),
        ("clip without a model", clip::without_model),
        ("clip for a model", clip::for_model),
        ("who decides about preprocessing", clip::preprocessing),
        ("videos of one frame", clip::one_frame),
        ("forward by reference is golden", || forward::golden(&["--device", "references"])),
        ("layouts and single clips", forward::layouts),
        ("wrong use of gradient", gradient::refused),
        ("train leaves a model that others take", training::whole),
        ("train takes motions from memory", training::motions_from_memory),
        ("train takes class folders and freezes parts", training::class_folders),
        ("train takes videos with a label of each head", training::several_heads),
        ("train takes videos with any number of labels", training::several_labels),
        ("convert takes what train leaves", training::converted),
        ("train goes on after it was killed", training::goes_on),
        ("train says at Ctrl-C when it ends", training::says_when_it_ends),
        ("wrong use of train", training::wrong_use),
        ("inspect tells what a checkpoint is", models::inspects),
        ("inspect tells why it is none", models::inspects_what_is_no_model),
        ("init begins from image models", models::begins_from_images),
        ("convert keeps every bit", models::converts),
        ("convert writes as transformers does", models::converts_to_hugging_face),
        ("the video processor's file decides", saved::video_processor),
        ("motions are made whole or not at all", motions::made),
        ("motions without ffmpeg", motions::without_ffmpeg),
        ("wrong use of make-motions", motions::wrong_use),
        ("a broken photograph is named", motions::broken_photographs),
        ("strays among the weights are noted", saved::strays),
        ("arrays in Fortran's order", saved::fortran_order),
        ("variables and tildes of the hub", saved::hub_variables),
    ];
    for &(name, test) in without_device {
        tests.add_without_device(name, test);
    }
    let with_device: &[ProgramTest] = &[
        ("devices", devices::listed),
        ("unknown devices are told the known", devices::unknown),
        ("tiles that were timed are taken where asked for", devices::tuned),
        ("clip is the published tensor", || clip::published(&[])),
        ("forward is golden", || forward::golden(&[])),
        ("forward by plain variants is golden", || forward::golden(&["--variant", "plain"])),
        ("gradient writes the gradient of every weight", gradient::written),
        ("classify is clip and forward", classify::as_clip_and_forward),
        ("classify for people", classify::for_people),
        ("classify obeys the problem type", saved::problem_types),
        ("names of classes may be numbers", saved::names_that_are_numbers),
        ("classify by several views", evaluation::views),
        ("eval killed twice and resumed", evaluation::killed_and_resumed),
        ("eval in shards", evaluation::shards_merged),
        ("wrong use of eval", evaluation::wrong_use),
        ("eval over hostile files", evaluation::hostile_files),
        ("eval counts what it computed", evaluation::failures_are_no_speed),
        ("eval ends where too many fail", evaluation::most_failed),
        ("eval of a list without a header", evaluation::list_without_header),
        ("eval of models by their problem type", evaluation::problem_types),
        ("eval stays below its root", evaluation::confined),
        ("eval interrupted goes on", interruption::eval_goes_on),
        ("an endless plot is drawn at Ctrl-C", interruption::endless_plots_are_drawn),
        ("untrained models say so", classify::untrained),
        ("untrained models of every kind", models::untrained_kinds),
        ("embed writes features", models::embeds),
        ("attention draws pictures", models::pictures_of_attention),
        ("wrong use of attention", models::wrong_attention),
        ("a sliding window", models::sliding_window),
        ("a sliding window over a pipe", models::window_over_a_pipe),
        ("masks", models::masks),
        ("verbose runs tell what happens", classify::verbose),
        ("bench compares the models", bench::compared),
        ("bench of training steps", bench::training_steps),
        ("bench of kernels", bench::kernels),
        ("bench of one model", bench::one_model),
        ("check of a kernel", check::of_a_kernel),
        ("check of models and devices", check::of_models_and_devices),
        ("check writes a page", check::writes_a_page),
        ("check runs a failure again", check::runs_again),
        ("wrong use of check", check::wrong_use),
        ("check interrupted says what it found", check::interrupted),
        ("classify many videos", many::classified),
        ("rows of many videos", many::rows),
        ("features of many videos", many::embedded),
        ("wrong use of many videos", many::wrong_use),
        ("examples of the help run", examples::of_help),
        ("commands of the README run", examples::of_readme),
        ("output of examples is compared", examples::comparing),
        ("every key of JSON is documented", json::every_key_is_documented),
    ];
    for &(name, test) in with_device {
        tests.add(name, move |_| test().map(|()| Shown::Passed));
    }
    tests.run("cli")
}
