//! What the environment says of the hub, as Python's `huggingface_hub` reads it.

use std::path::PathBuf;
use std::time::Duration;

/// The variables of an environment.
pub(super) struct Variables<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Variables<'a> {
    pub(super) fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { variable }
    }

    /// The value of a variable, where it has one.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.trim().is_empty())
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| is_true(&value))
    }

    /// The folder of the models.
    pub(super) fn cache(&self) -> Option<PathBuf> {
        let named = self.path("HF_HUB_CACHE").or_else(|| self.path("HUGGINGFACE_HUB_CACHE"));
        named.or_else(|| Some(self.home()?.join("hub")))
    }

    /// The folder of everything of the hub's.
    fn home(&self) -> Option<PathBuf> {
        let user_cache = || self.path("XDG_CACHE_HOME").or_else(|| Some(self.user()?.join(".cache")));
        self.path("HF_HOME").or_else(|| Some(user_cache()?.join("huggingface")))
    }

    /// The user's folder.
    fn user(&self) -> Option<PathBuf> {
        self.get("HOME").or_else(|| self.get("USERPROFILE")).map(PathBuf::from)
    }

    pub(super) fn is_offline(&self) -> bool {
        let said = self.get("HF_HUB_OFFLINE").or_else(|| self.get("TRANSFORMERS_OFFLINE"));
        said.is_some_and(|value| is_true(&value))
    }

    pub(super) fn token(&self) -> Option<String> {
        let token = self.get("HF_TOKEN").or_else(|| self.get("HUGGING_FACE_HUB_TOKEN"));
        token.filter(|_| !self.is_true(IMPLICIT_NO_MORE)).map(|token| token.trim().to_owned())
    }

    /// Where a token lies that was left there for all programs.
    pub(super) fn token_file(&self) -> Option<PathBuf> {
        let named = self.path("HF_TOKEN_PATH").or_else(|| Some(self.home()?.join("token")));
        named.filter(|_| !self.is_true(IMPLICIT_NO_MORE))
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        let seconds: u64 = self.get("HF_HUB_DOWNLOAD_TIMEOUT")?.trim().parse().ok()?;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// The path in a variable, with a `~` at its beginning and the variables in it put in.
    fn path(&self, name: &str) -> Option<PathBuf> {
        let value = self.get(name)?;
        let rest = value
            .strip_prefix('~')
            .filter(|rest| rest.is_empty() || rest.starts_with(['/', std::path::MAIN_SEPARATOR]));
        let below_user = match (rest, self.user()) {
            (Some(rest), Some(user)) => format!("{}{rest}", user.display()),
            _ => value,
        };
        Some(self.with_variables(&below_user).into())
    }

    /// `text` with the values of `$NAME` and `${NAME}`; what has none stays as it is.
    fn with_variables(&self, text: &str) -> String {
        let mut parts = text.split('$');
        let mut whole = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = match part.strip_prefix('{').and_then(|part| part.split_once('}')) {
                Some(named) => named,
                None => {
                    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
                    part.split_at(part.find(|letter| !is_part(letter)).unwrap_or(part.len()))
                }
            };
            match (self.variable)(name).filter(|_| !name.is_empty()) {
                Some(value) => whole.extend([&value, rest]),
                None => whole.extend(["$", part]),
            }
        }
        whole
    }
}

/// Turns off what is sent without being asked for.
const IMPLICIT_NO_MORE: &str = "HF_HUB_DISABLE_IMPLICIT_TOKEN";

fn is_true(value: &str) -> bool {
    ["1", "true", "yes", "on"].contains(&value.trim().to_ascii_lowercase().as_str())
}

/// The path that `name` means where it begins with a `~` that no shell has put in.
pub(super) fn below_home(name: &str) -> Option<PathBuf> {
    let rest = name.strip_prefix("~/")?;
    Some(std::env::home_dir()?.join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_counts_at_the_beginning() {
        assert_eq!(below_home("~/a/b"), std::env::home_dir().map(|home| home.join("a/b")));
        assert_eq!(below_home("a/~/b"), None);
        assert_eq!(below_home("~a/b"), None);
    }
}
