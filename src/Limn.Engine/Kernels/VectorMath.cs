using System.Numerics;
using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels;

/// <summary>Elementary functions on vectors of floats, written once for every width of <see cref="Vector{T}"/>.</summary>
/// <remarks>
/// NaN gives NaN. The polynomials interpolate the function at Chebyshev nodes (coefficients computed with 40 digits and
/// rounded to float); the stated errors are of the whole function in float. Last digits may differ between machines with
/// and without fused multiply-add.
/// </remarks>
internal static class VectorMath
{
    private const float Shift = 12582912f; // 1.5·2²³

    /// <summary>eˣ within 2 units in the last place; overflow gives +∞ and underflow goes through the subnormals to 0.</summary>
    /// <remarks>eˣ = 2ⁿ·eʳ with n = round(x/ln 2), |r| ≤ ln 2 / 2, and eʳ by its Taylor series to r⁷.</remarks>
    public static Vector<float> Exp(Vector<float> x)
    {
        Vector<float> bounded = Vector.MinNative(Vector.MaxNative(x, Vector.Create(-105f)), Vector.Create(89f));

        (Vector<float> shifted, Vector<float> r) = Reduce(bounded);
        Vector<float> n = shifted - Vector.Create(Shift);
        Vector<float> p = SmallExpM1(r) + Vector<float>.One;

        // 2ⁿ in two factors: one float alone does not reach 2¹²⁸ or the subnormals.
        Vector<int> power = Vector.ConvertToInt32Native(n);
        Vector<int> half = power >> 1;
        Vector<float> y = p * PowerOfTwo(half) * PowerOfTwo(power - half);
        return Vector.ConditionalSelect(Vector.Equals(x, x), y, x);
    }

    /// <summary>eᵗ − 1 for t ≤ 0 within 4 units in the last place; −1 at −∞, ±0 at ±0.</summary>
    /// <remarks>The Taylor series to t⁹ above −1/2, where eᵗ − 1 would cancel; e to the power and a subtraction below.</remarks>
    public static Vector<float> ExpM1OfNegative(Vector<float> t)
    {
        Vector<float> p = Vector.Create(1f / 362880);
        p = Vector.MultiplyAddEstimate(p, t, Vector.Create(1f / 40320));
        p = Vector.MultiplyAddEstimate(p, t, Vector.Create(1f / 5040));
        p = Vector.MultiplyAddEstimate(p, t, Vector.Create(1f / 720));
        p = Vector.MultiplyAddEstimate(p, t, Vector.Create(1f / 120));
        p = Vector.MultiplyAddEstimate(p, t, Vector.Create(1f / 24));
        p = Vector.MultiplyAddEstimate(p, t, Vector.Create(1f / 6));
        p = Vector.MultiplyAddEstimate(p, t, Vector.Create(0.5f));
        p = Vector.MultiplyAddEstimate(p, t, Vector<float>.One);
        return Vector.ConditionalSelect(Vector.GreaterThan(t, Vector.Create(-0.5f)), p * t, Exp(t) - Vector<float>.One);
    }

    /// <summary>ln(1 + t) for t in [0, 1] within 3 units in the last place.</summary>
    /// <remarks>log(u)·t/(u − 1) with u = fl(1 + t), which cancels the rounding of u (Kahan).</remarks>
    public static Vector<float> Log1P(Vector<float> t)
    {
        Vector<float> u = t + Vector<float>.One;
        Vector<float> exact = u - Vector<float>.One;
        Vector<float> y = Vector.Log(u) * (t / exact);
        return Vector.ConditionalSelect(Vector.Equals(exact, Vector<float>.Zero), t, y);
    }

    /// <summary>1 / (1 + e⁻ˣ), relative error below 4·10⁻⁷ for x above −87; 0 at −∞ and 1 at +∞.</summary>
    /// <remarks>With e = e^−|x|, which cannot overflow: 1/(1 + e) for x ≥ 0 and e/(1 + e) below.</remarks>
    public static Vector<float> Sigmoid(Vector<float> x)
    {
        Vector<float> e = Exp(-Vector.Abs(x));
        Vector<float> numerator = Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), e, Vector<float>.One);
        return numerator / (Vector<float>.One + e);
    }

    /// <summary>tanh x, relative error below 4·10⁻⁷; ±1 at ±∞, ±0 at ±0.</summary>
    /// <remarks>
    /// m/(m + 2) with m = e^2|x| − 1 = 2ⁿ(eʳ − 1) + (2ⁿ − 1), n = round(2|x|/ln 2), eʳ − 1 by its Taylor series to r⁷, which does not cancel near 0. From 9 on tanh is 1 in float.
    /// </remarks>
    public static Vector<float> Tanh(Vector<float> x)
    {
        Vector<float> magnitude = Vector.MinNative(Vector.Create(9f), Vector.Abs(x)); // in this order NaN stays
        Vector<float> t = magnitude + magnitude;
        (Vector<float> shifted, Vector<float> r) = Reduce(t);
        Vector<float> p = SmallExpM1(r);

        // The lowest bits of the shifted number are n: moved to the exponent of 1, they make 2ⁿ.
        Vector<float> power = Vector.AsVectorSingle((Vector.AsVectorInt32(shifted) << 23) + Vector.AsVectorInt32(Vector<float>.One));
        Vector<float> m = Vector.MultiplyAddEstimate(power, p, power - Vector<float>.One);
        return Vector.CopySign(m / (m + Vector.Create(2f)), x);
    }

    /// <summary>The error function 2/√π·∫₀ˣ e^−t² dt, absolute error below 2·10⁻⁷; ±1 at ±∞, ±0 at ±0.</summary>
    /// <remarks>x·P(x²) for |x| ≤ 1 (P of degree 6); 1 − e^Q(|x|) with the sign of x above, Q = ln erfc of degree 8 on [1, 4].</remarks>
    public static Vector<float> Erf(Vector<float> x)
    {
        Vector<float> magnitude = Vector.Abs(x);
        Vector<float> z = x * x;
        Vector<float> p = Vector.Create(7.87587487e-05f);
        p = Vector.MultiplyAddEstimate(p, z, Vector.Create(-0.00080168643f));
        p = Vector.MultiplyAddEstimate(p, z, Vector.Create(0.00518908724f));
        p = Vector.MultiplyAddEstimate(p, z, Vector.Create(-0.0268542115f));
        p = Vector.MultiplyAddEstimate(p, z, Vector.Create(0.112835944f));
        p = Vector.MultiplyAddEstimate(p, z, Vector.Create(-0.37612626f));
        p = Vector.MultiplyAddEstimate(p, z, Vector.Create(1.12837911f));

        Vector<float> t = Vector.MinNative(magnitude, Vector.Create(4f));
        Vector<float> q = Vector.Create(1.6371514e-06f);
        q = Vector.MultiplyAddEstimate(q, t, Vector.Create(-4.60580413e-05f));
        q = Vector.MultiplyAddEstimate(q, t, Vector.Create(0.00059680565f));
        q = Vector.MultiplyAddEstimate(q, t, Vector.Create(-0.0047595962f));
        q = Vector.MultiplyAddEstimate(q, t, Vector.Create(0.0264211353f));
        q = Vector.MultiplyAddEstimate(q, t, Vector.Create(-0.110080086f));
        q = Vector.MultiplyAddEstimate(q, t, Vector.Create(-0.631826043f));
        q = Vector.MultiplyAddEstimate(q, t, Vector.Create(-1.13023341f));
        q = Vector.MultiplyAddEstimate(q, t, Vector.Create(0.00032013806f));
        Vector<float> far = Vector.CopySign(Vector<float>.One - Exp(q), x);

        Vector<float> y = Vector.ConditionalSelect(Vector.LessThanOrEqual(magnitude, Vector<float>.One), p * x, far);
        return Vector.ConditionalSelect(Vector.Equals(x, x), y, x);
    }

    /// <summary>x = n ln 2 + r with |r| ≤ ln 2 / 2: n + <see cref="Shift"/>, which leaves no bits for a fraction, so that the sum is rounded to an integer; and r.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector<float> Shifted, Vector<float> R) Reduce(Vector<float> x)
    {
        Vector<float> shifted = Vector.MultiplyAddEstimate(x, Vector.Create(1.44269504f), Vector.Create(Shift));
        Vector<float> n = shifted - Vector.Create(Shift);

        // ln 2 in two parts, the first of so few bits that n times it is exact.
        Vector<float> r = Vector.MultiplyAddEstimate(n, Vector.Create(-0.693359375f), x);
        return (shifted, Vector.MultiplyAddEstimate(n, Vector.Create(2.12194440e-4f), r));
    }

    /// <summary>eʳ − 1 for |r| ≤ ln 2 / 2, by the Taylor series to r⁷.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> SmallExpM1(Vector<float> r)
    {
        Vector<float> p = Vector.Create(1f / 5040);
        p = Vector.MultiplyAddEstimate(p, r, Vector.Create(1f / 720));
        p = Vector.MultiplyAddEstimate(p, r, Vector.Create(1f / 120));
        p = Vector.MultiplyAddEstimate(p, r, Vector.Create(1f / 24));
        p = Vector.MultiplyAddEstimate(p, r, Vector.Create(1f / 6));
        p = Vector.MultiplyAddEstimate(p, r, Vector.Create(0.5f));
        return Vector.MultiplyAddEstimate(p, r * r, r);
    }

    private static Vector<float> PowerOfTwo(Vector<int> n) => Vector.AsVectorSingle((n + Vector.Create(127)) << 23);
}
