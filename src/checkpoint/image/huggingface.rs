//! Image transformers of the `transformers` library.

use super::views::Views;
use super::{Called, Described, Format, config_json};
use crate::checkpoint::arrays::Arrays;
use crate::checkpoint::fit::Convention;
use crate::checkpoint::huggingface::{ImageSize, Spelling, gelu};
use crate::checkpoint::location::Location;
use crate::tensor::Result;
use crate::video::{Fields, shortened};
use crate::vivit::Gelu;

pub(super) const FORMAT: Format =
    Format { kernel: "embeddings.patch_embeddings.projection.weight", own: "", views, described };

/// The names of ViViT in that library, but for what they begin with.
#[derive(Debug)]
struct Named(Spelling);

impl Convention for Named {
    fn stored(&self, name: &str) -> String {
        of_images(self.0, name)
    }

    fn accepted(&self, name: &str) -> Vec<String> {
        let mut names: Vec<_> = Spelling::ALL.map(|spelling| of_images(spelling, name)).into();
        names.dedup();
        names
    }
}

fn of_images(spelling: Spelling, name: &str) -> String {
    let stored = spelling.stored(name);
    stored.strip_prefix("vivit.").map_or(stored.clone(), |rest| format!("vit.{rest}"))
}

/// The arrays but for what a classifier does not use: the pooler and the token that masks patches.
fn views(arrays: Box<dyn Arrays>) -> Called {
    let names = arrays.names().into_iter().map(|name| name.replacen("vit.", "vivit.", 1)).collect::<Vec<_>>();
    let spelling = Spelling::of(names.iter().map(String::as_str));
    let mut views = Views::of(arrays);
    let unused = |name: &str| name.contains("pooler.") || name.ends_with("embeddings.mask_token");
    views.rename(|name| (!unused(name)).then(|| name.to_owned()));
    (views, Box::new(Named(spelling)))
}

/// What `config.json` says, where there is one.
fn described(location: &Location, _arrays: &dyn Arrays) -> Result<Described> {
    Ok(config_json(location, said)?.unwrap_or(Described::untold(Gelu::Erf, 1e-12)))
}

/// What the fields say; a missing one has the library's default.
fn said(fields: &Fields) -> Result<Described, String> {
    match fields.get("model_type", "`vit`", Some("vit".to_owned()))?.as_deref() {
        Some("vit") => {}
        other => {
            let other = other.map_or("null".to_owned(), |other| format!("`{}`", shortened(other)));
            return Err(format!("model_type is {other}, but only `vit` is an image transformer with these names"));
        }
    }
    let image_size = fields.get("image_size", ImageSize::MUST_BE, ImageSize::Square(224))?;
    Ok(Described {
        heads: Some(fields.get("num_attention_heads", "a whole number", 12)?),
        size: Some(image_size.sides()),
        gelu: gelu(&fields.get("hidden_act", "the name of an activation", "gelu".to_owned())?)?,
        layer_norm_eps: fields.get("layer_norm_eps", "a number", 1e-12)?,
        notes: Vec::new(),
    })
}
