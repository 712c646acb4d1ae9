//! Loops compiled for each width of vector, and the widest of this machine picked at run time.

/// Compiles a function once for each width of vector, and calls the widest this machine has.
macro_rules! multiversion {
    ($($(#[$doc:meta])* $vis:vis fn $name:ident<$life:lifetime>($($arg:ident: $ty:ty),* $(,)?) -> $out:ty $body:block)*) => {$(
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name<$life>(arch: pulp::Arch, $($arg: $ty),*) -> $out {
            struct Call<$life> { $($arg: $ty,)* life: std::marker::PhantomData<&$life ()> }
            impl<$life> pulp::WithSimd for Call<$life> {
                type Output = $out;
                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) -> $out {
                    let Call { $($arg,)* .. } = self;
                    $body
                }
            }
            arch.dispatch(Call { $($arg,)* life: std::marker::PhantomData })
        }
    )*};
}

pub(super) use multiversion;
