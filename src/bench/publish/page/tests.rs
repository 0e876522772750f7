use super::super::sample;
use super::*;

#[test]
fn the_page_needs_nothing_from_elsewhere_and_runs_no_script() {
    let page = html(&sample::benchmark()).unwrap();
    for outside in ["http:", "https:", "src=", "url(", "@import", "<link", "<iframe", "<script", "javascript", "onload"]
    {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt; | GPU"));
    assert!(!page.contains('\u{1b}'));
}

#[test]
fn elements_close_in_order() {
    crate::report::document::tests::assert_elements_close(&html(&sample::benchmark()).unwrap());
}

#[test]
fn everything_that_was_found_is_shown() {
    let page = html(&sample::benchmark()).unwrap();
    for expected in [
        "The paper’s table, and here",
        "Time against tokens",
        "Attention alone",
        "Roofline",
        "Where the time goes",
        "Memory",
        "All rows",
        "7c79b725bb38262b2918f3911d8f32db4f533169",
        "NVIDIA 570.86 &amp; &quot;more&quot;",
        "largest binding",
        "<s>Model 3, factorised-self-attention</s>",
        "wrong</span>: linear.plain differs from the references at index 17",
        "impossible</span>: a value of 4.8 GiB",
        "not settled",
        "too few sizes (1)",
        "the ceiling of arithmetic fell by 3 %",
        "<code>tubelet bench --full --report &#x27;a folder&#x27;</code>",
        "prefers-color-scheme: dark",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    for figure in ["NaN", "inf%", "NaN%", ">None<", "none\"", "undefined"] {
        assert!(!page.contains(figure), "{figure}");
    }
    // Two screens: time, roofline and memory of both devices, and attention of one.
    assert_eq!(page.matches("<svg class=\"wide\"").count(), 7);
    assert_eq!(page.matches("<svg class=\"narrow\"").count(), 7);
}

#[test]
fn training_steps_are_shown_as_forward_passes_are() {
    let page = html(&sample::with_steps()).unwrap();
    for expected in [
        "<h3>Training steps</h3>",
        "Model 1, joint, training step",
        "3.25 × its forward pass",
        "A training step is forward pass, loss,",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert_eq!(page.matches("<svg class=\"wide\"").count(), 8, "one plot more");
    assert!(!html(&sample::benchmark()).unwrap().contains("training step"));
    crate::report::document::tests::assert_elements_close(&page);
}

#[test]
fn a_result_without_rows_or_devices_is_a_page_too() {
    let mut benchmark = sample::benchmark();
    benchmark.rows.clear();
    assert!(html(&benchmark).unwrap().contains("Nothing was measured on this device."));
    benchmark.devices.clear();
    assert!(html(&benchmark).unwrap().contains("0 rows on 0 devices"));
}

/// Numbers that no device has, as a file may: the page is made all the same.
#[test]
fn figures_that_are_none_break_no_page() {
    let mut benchmark = sample::benchmark();
    for row in &mut benchmark.rows {
        if let crate::bench::RowOutcome::Measured(measurement) = &mut row.outcome {
            (measurement.median, measurement.low, measurement.high) = (0.0, -1.0, f64::NAN);
            measurement.calls.iter_mut().for_each(|call| call.seconds = 0.0);
            measurement.verified.iter_mut().for_each(|check| check.relative_l2 = f64::NAN);
        }
    }
    benchmark.devices.iter_mut().for_each(|device| device.before.bytes_per_second = 0.0);
    let page = html(&benchmark).unwrap();
    assert!(!page.contains("NaN") && !page.contains("inf "), "a number that is none is shown");
}

/// Written where `TUBELET_SAMPLE_REPORT` says, to be looked at.
#[test]
fn the_sample_can_be_looked_at() {
    let Some(folder) = std::env::var_os("TUBELET_SAMPLE_REPORT") else { return };
    super::super::publish(&sample::benchmark(), folder.as_ref()).unwrap();
}
