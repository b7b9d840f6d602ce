using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels;

/// <summary>Elementary functions on vectors of floats, written once for every width.</summary>
/// <remarks>
/// NaN gives NaN. The polynomials interpolate the function at Chebyshev nodes (coefficients computed with 40 digits and
/// rounded to float); the stated errors are of the whole function in float. Last digits may differ between machines with
/// and without fused multiply-add, and between widths.
/// </remarks>
internal static class VectorMath
{
    private const float Shift = 12582912f; // 1.5·2²³

    /// <summary>eˣ within 2 units in the last place; overflow gives +∞ and underflow goes through the subnormals to 0.</summary>
    /// <remarks>eˣ = 2ⁿ·eʳ with n = round(x/ln 2), |r| ≤ ln 2 / 2, and eʳ by a polynomial.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Exp<V>(V x)
        where V : struct, IFloats<V>
    {
        V bounded = V.Min(V.Create(89f), V.Max(V.Create(-105f), x)); // in this order NaN stays
        (V shifted, V r) = Reduce(bounded);
        V p = SmallExpM1(r) + V.Create(1);

        // 2ⁿ in two factors: one float alone does not reach 2¹²⁸ or the subnormals.
        V n = shifted - V.Create(Shift);
        V half = V.MultiplyAdd(n, V.Create(0.5f), V.Create(Shift));
        V rest = n - (half - V.Create(Shift)) + V.Create(Shift);
        return p * V.PowerOfTwo(half) * V.PowerOfTwo(rest);
    }

    /// <summary>eᵗ − 1 for t ≤ 0 within 4 units in the last place; −1 at −∞, ±0 at ±0.</summary>
    /// <remarks>The Taylor series to t⁹ above −1/2, where eᵗ − 1 would cancel; e to the power and a subtraction below.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V ExpM1OfNegative<V>(V t)
        where V : struct, IFloats<V>
    {
        V p = V.Create(1f / 362880);
        p = V.MultiplyAdd(p, t, V.Create(1f / 40320));
        p = V.MultiplyAdd(p, t, V.Create(1f / 5040));
        p = V.MultiplyAdd(p, t, V.Create(1f / 720));
        p = V.MultiplyAdd(p, t, V.Create(1f / 120));
        p = V.MultiplyAdd(p, t, V.Create(1f / 24));
        p = V.MultiplyAdd(p, t, V.Create(1f / 6));
        p = V.MultiplyAdd(p, t, V.Create(0.5f));
        p = V.MultiplyAdd(p, t, V.Create(1));
        return V.Select(V.Less(V.Create(-0.5f), t), p * t, Exp(t) - V.Create(1));
    }

    /// <summary>ln(1 + t) for t in [0, 1] within 3 units in the last place.</summary>
    /// <remarks>log(u)·t/(u − 1) with u = fl(1 + t), which cancels the rounding of u (Kahan).</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Log1P<V>(V t)
        where V : struct, IFloats<V>
    {
        V u = t + V.Create(1);
        V exact = u - V.Create(1);
        V y = V.Log(u) * (t / exact);
        return V.Select(V.Equal(exact, V.Create(0)), t, y);
    }

    /// <summary>1 / (1 + e⁻ˣ), relative error below 4·10⁻⁷ for x above −87; 0 at −∞ and 1 at +∞.</summary>
    /// <remarks>With e = e^−|x|, which cannot overflow: 1/(1 + e) for x ≥ 0 and e/(1 + e) below.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Sigmoid<V>(V x)
        where V : struct, IFloats<V>
    {
        V e = Exp(V.Create(0) - V.Abs(x));
        V numerator = V.Select(V.Less(x, V.Create(0)), e, V.Create(1));
        return V.Ratio(numerator, V.Create(1) + e);
    }

    /// <summary>tanh x, relative error below 4·10⁻⁷; ±1 at ±∞, ±0 at ±0.</summary>
    /// <remarks>
    /// m/(m + 2) with m = e^2|x| − 1 = 2ⁿ(e^2r − 1) + (2ⁿ − 1), n = round(2|x|/ln 2), r = |x| − n·ln 2/2 and e^2r − 1 = r·(2 + r·Q(r)), which does not cancel
    /// near 0. From 9 on tanh is 1 in float; n is so small that ln 2 in one part does.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Tanh<V>(V x)
        where V : struct, IFloats<V>
    {
        V magnitude = V.Min(V.Create(9f), V.Abs(x)); // in this order NaN stays
        V shifted = V.MultiplyAdd(magnitude, V.Create(2.88539008f), V.Create(Shift));
        V r = V.MultiplyAdd(shifted - V.Create(Shift), V.Create(-0.34657359f), magnitude);
        V q = V.Create(0.089128f);
        q = V.MultiplyAdd(q, r, V.Create(0.26762345f));
        q = V.MultiplyAdd(q, r, V.Create(0.66666484f));
        q = V.MultiplyAdd(q, r, V.Create(1.3333261f));
        q = V.MultiplyAdd(q, r, V.Create(2f));
        V p = V.MultiplyAdd(q, r, V.Create(2f)) * r;
        V power = V.PowerOfTwo(shifted);
        V m = V.MultiplyAdd(power, p, power - V.Create(1));
        return V.CopySign(V.Ratio(m, m + V.Create(2f)), x);
    }

    /// <summary>The error function 2/√π·∫₀ˣ e^−t² dt, absolute error below 2·10⁻⁷; ±1 at ±∞, ±0 at ±0.</summary>
    /// <remarks>x·P(x²) for |x| ≤ 1 (P of degree 6); 1 − e^Q(|x|) with the sign of x above, Q = ln erfc of degree 8 on [1, 4].</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Erf<V>(V x)
        where V : struct, IFloats<V>
    {
        V magnitude = V.Abs(x), t = V.Min(V.Create(4f), magnitude);
        V z = t * t;
        V p = V.Create(7.87587487e-05f);
        p = V.MultiplyAdd(p, z, V.Create(-0.00080168643f));
        p = V.MultiplyAdd(p, z, V.Create(0.00518908724f));
        p = V.MultiplyAdd(p, z, V.Create(-0.0268542115f));
        p = V.MultiplyAdd(p, z, V.Create(0.112835944f));
        p = V.MultiplyAdd(p, z, V.Create(-0.37612626f));
        p = V.MultiplyAdd(p, z, V.Create(1.12837911f));

        V q = V.Create(1.6371514e-06f);
        q = V.MultiplyAdd(q, t, V.Create(-4.60580413e-05f));
        q = V.MultiplyAdd(q, t, V.Create(0.00059680565f));
        q = V.MultiplyAdd(q, t, V.Create(-0.0047595962f));
        q = V.MultiplyAdd(q, t, V.Create(0.0264211353f));
        q = V.MultiplyAdd(q, t, V.Create(-0.110080086f));
        q = V.MultiplyAdd(q, t, V.Create(-0.631826043f));
        q = V.MultiplyAdd(q, t, V.Create(-1.13023341f));
        q = V.MultiplyAdd(q, t, V.Create(0.00032013806f));
        V far = V.CopySign(V.Create(1) - Exp(q), x);
        return V.Select(V.LessOrEqual(magnitude, V.Create(1)), p * x, far);
    }

    /// <summary>x = n ln 2 + r with |r| ≤ ln 2 / 2: n + <see cref="Shift"/>, which leaves no bits for a fraction, so that the sum is rounded to an integer that its lowest bits are; and r.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (V Shifted, V R) Reduce<V>(V x)
        where V : struct, IFloats<V>
    {
        V shifted = V.MultiplyAdd(x, V.Create(1.44269504f), V.Create(Shift));
        V n = shifted - V.Create(Shift);

        // ln 2 in two parts, the first of so few bits that n times it is exact.
        V r = V.MultiplyAdd(n, V.Create(-0.693359375f), x);
        return (shifted, V.MultiplyAdd(n, V.Create(2.12194440e-4f), r));
    }

    /// <summary>eʳ − 1 for |r| ≤ ln 2 / 2: r + r²·q(r) with q of degree 4, within 3·10⁻⁸.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V SmallExpM1<V>(V r)
        where V : struct, IFloats<V>
    {
        V q = V.Create(0.001392625f);
        q = V.MultiplyAdd(q, r, V.Create(0.008363233f));
        q = V.MultiplyAdd(q, r, V.Create(0.041666552f));
        q = V.MultiplyAdd(q, r, V.Create(0.16666576f));
        q = V.MultiplyAdd(q, r, V.Create(0.5f));
        return V.MultiplyAdd(q, r * r, r);
    }
}
