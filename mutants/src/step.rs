//! The common way to write a mutant.

/// A [`Mutant`](crate::Mutant) from its name, the rule that it breaks, the mistake that it
/// imitates, and the methods of [`Semantics`](wagi_reference_server::Semantics) that it replaces:
///
/// ```ignore
/// step!(
///     "routing/prefix-is-enough",
///     "routing.wildcard.name-boundary",
///     "The prefix is compared as text, without regard to the end of a segment.",
///     {
///         fn route_matches(&self, route: &Route, path: &str) -> bool {
///             path.starts_with(route.prefix())
///         }
///     }
/// )
/// ```
///
/// What the step should have done is at hand as `Conforming.route_matches(route, path)`. A mutant
/// with a memory gives the memory's type, which implements `Default`, before the methods, and
/// finds it as `self.0`: `step!(…, AtomicBool, { … })`.
macro_rules! step {
    ($name:literal, $rule:literal, $imitates:literal, { $($method:item)* }) => {
        step!($name, $rule, $imitates, (), { $($method)* })
    };
    ($name:literal, $rule:literal, $imitates:literal, $memory:ty, { $($method:item)* }) => {{
        #[allow(dead_code, reason = "not every mistake needs a memory")]
        #[derive(Default)]
        struct Step($memory);
        impl wagi_reference_server::Semantics for Step { $($method)* }
        $crate::Mutant {
            name: $name,
            rule: $rule,
            imitates: $imitates,
            fault: $crate::Fault::Step(std::sync::Arc::new(Step::default())),
        }
    }};
}
