//! Enums whose variants go by names, as on a command line and in files.

/// The text of an enum of named variants, and the way back, in which hyphens and underscores are alike. `$what` begins the
/// sentence of an error: `a classifier`.
macro_rules! named {
    ($type:ident, $what:literal: $($variant:ident = $name:literal),+) => {
        impl $type {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name as it is written on a command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::tensor::Error;

            fn from_str(text: &str) -> $crate::tensor::Result<Self> {
                let wanted = text.replace('-', "_");
                Self::ALL.iter().copied().find(|one| one.name() == wanted).ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|one| one.name()).collect();
                    $crate::tensor::Error::usage(format!("{} is one of {}, not {text:?}", $what, names.join(", ")))
                })
            }
        }
    };
}
pub(crate) use named;

#[cfg(test)]
#[expect(unreachable_pub, reason = "the macro is for enums that others see")]
mod tests {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Side {
        Left,
        FarRight,
    }

    named!(Side, "a side": Left = "left", FarRight = "far_right");

    #[test]
    fn names_survive_text() {
        for &side in Side::ALL {
            assert_eq!(side.to_string().parse::<Side>().unwrap(), side);
        }
        assert_eq!("far-right".parse::<Side>().unwrap(), Side::FarRight);
        let error = "middle".parse::<Side>().unwrap_err().to_string();
        assert_eq!(error, "a side is one of left, far_right, not \"middle\"");
    }
}
