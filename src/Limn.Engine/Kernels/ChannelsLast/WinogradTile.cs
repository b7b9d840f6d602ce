using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>
/// F(m, 3): the m outputs of a filter of three taps from m + 2 inputs by m + 2 products, y = Aᵀ((G g) ∘ (Bᵀ d)). Nested with itself it
/// gives F(m x m, 3 x 3).
/// </summary>
/// <remarks>
/// The polynomials are evaluated at 0, at pairs ±p, and at infinity; a pair shares its even and its odd part, so a row costs two
/// multiply-adds a point. Lavin, Gray: Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
/// </remarks>
internal interface IWinogradTile
{
    /// <summary>m: outputs of a tile along an axis.</summary>
    static abstract int Outputs { get; }

    /// <summary>m + 2: inputs, and products, of a tile along an axis.</summary>
    static abstract int Points { get; }

    /// <summary>G: what is taken of each tap for each point, a row of three a point.</summary>
    static abstract ReadOnlySpan<double> Filter { get; }

    /// <summary>Bᵀ d; the last two are nothing where there are four points.</summary>
    static abstract void Input<TLane, TVector>(
        TVector d0, TVector d1, TVector d2, TVector d3, TVector d4, TVector d5,
        out TVector v0, out TVector v1, out TVector v2, out TVector v3, out TVector v4, out TVector v5)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged;

    /// <summary>Aᵀ m; the last two are nothing where there are four points.</summary>
    static abstract void Output<TLane, TVector>(
        TVector m0, TVector m1, TVector m2, TVector m3, TVector m4, TVector m5, out TVector y0, out TVector y1, out TVector y2, out TVector y3)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged;
}

/// <summary>F(2, 3) at the points 0, 1, −1 and infinity.</summary>
internal readonly struct WinogradTile2 : IWinogradTile
{
    public static int Outputs => 2;
    public static int Points => 4;

    public static ReadOnlySpan<double> Filter =>
    [
        -1, 0, 0,
        0.5, 0.5, 0.5,
        0.5, -0.5, 0.5,
        0, 0, 1,
    ];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input<TLane, TVector>(
        TVector d0, TVector d1, TVector d2, TVector d3, TVector d4, TVector d5,
        out TVector v0, out TVector v1, out TVector v2, out TVector v3, out TVector v4, out TVector v5)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        v0 = TLane.Subtract(d2, d0);
        v1 = TLane.Add(d2, d1);
        v2 = TLane.Subtract(d2, d1);
        v3 = TLane.Subtract(d3, d1);
        v4 = v5 = default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output<TLane, TVector>(
        TVector m0, TVector m1, TVector m2, TVector m3, TVector m4, TVector m5, out TVector y0, out TVector y1, out TVector y2, out TVector y3)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        y0 = TLane.Add(m0, TLane.Add(m1, m2));
        y1 = TLane.Add(m3, TLane.Subtract(m1, m2));
        y2 = y3 = default;
    }
}

/// <summary>F(4, 3) at the points 0, ±<see cref="P"/>, ±<see cref="Q"/> and infinity.</summary>
/// <remarks>
/// With ±1 and ±2, the points of Lavin and Gray, rounding costs more. Barabasz, Anderson, Soodhalter, Gregg: Error Analysis and
/// Improving the Accuracy of Winograd Convolution for Deep Neural Networks, ACM TOMS 46(4), 2020, is on the choice of points.
/// </remarks>
internal readonly struct WinogradTile4 : IWinogradTile
{
    private const float P = 0.625f;
    private const float Q = 1.5f;
    private const float P2 = P * P;
    private const float Q2 = Q * Q;

    // The value of Lagrange's denominator at a point p: the product of its distances to the other points.
    private const double AtZero = (double)P2 * Q2;
    private const double AtP = 2.0 * P2 * ((double)P2 - Q2);
    private const double AtQ = 2.0 * Q2 * ((double)Q2 - P2);

    public static int Outputs => 4;
    public static int Points => 6;

    public static ReadOnlySpan<double> Filter =>
    [
        1 / AtZero, 0, 0,
        1 / AtP, P / AtP, P2 / AtP,
        1 / AtP, -P / AtP, P2 / AtP,
        1 / AtQ, Q / AtQ, Q2 / AtQ,
        1 / AtQ, -Q / AtQ, Q2 / AtQ,
        0, 0, 1,
    ];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input<TLane, TVector>(
        TVector d0, TVector d1, TVector d2, TVector d3, TVector d4, TVector d5,
        out TVector v0, out TVector v1, out TVector v2, out TVector v3, out TVector v4, out TVector v5)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        TVector p = TLane.Broadcast(P), minusP = TLane.Broadcast(-P), q = TLane.Broadcast(Q), minusQ = TLane.Broadcast(-Q);
        TVector minusP2 = TLane.Broadcast(-P2), minusQ2 = TLane.Broadcast(-Q2), both = TLane.Broadcast(P2 * Q2), minusSum = TLane.Broadcast(-(P2 + Q2));
        TVector even = TLane.MultiplyAdd(minusQ2, d2, d4), odd = TLane.MultiplyAdd(minusQ2, d1, d3);
        v1 = TLane.MultiplyAdd(p, odd, even);
        v2 = TLane.MultiplyAdd(minusP, odd, even);
        even = TLane.MultiplyAdd(minusP2, d2, d4);
        odd = TLane.MultiplyAdd(minusP2, d1, d3);
        v3 = TLane.MultiplyAdd(q, odd, even);
        v4 = TLane.MultiplyAdd(minusQ, odd, even);
        v0 = TLane.MultiplyAdd(both, d0, TLane.MultiplyAdd(minusSum, d2, d4));
        v5 = TLane.MultiplyAdd(both, d1, TLane.MultiplyAdd(minusSum, d3, d5));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output<TLane, TVector>(
        TVector m0, TVector m1, TVector m2, TVector m3, TVector m4, TVector m5, out TVector y0, out TVector y1, out TVector y2, out TVector y3)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        TVector even = TLane.Add(m1, m2), odd = TLane.Subtract(m1, m2), evenQ = TLane.Add(m3, m4), oddQ = TLane.Subtract(m3, m4);
        y0 = TLane.Add(m0, TLane.Add(even, evenQ));
        y1 = TLane.MultiplyAdd(TLane.Broadcast(P), odd, TLane.Multiply(TLane.Broadcast(Q), oddQ));
        y2 = TLane.MultiplyAdd(TLane.Broadcast(P2), even, TLane.Multiply(TLane.Broadcast(Q2), evenQ));
        y3 = TLane.MultiplyAdd(TLane.Broadcast(P2 * P), odd, TLane.MultiplyAdd(TLane.Broadcast(Q2 * Q), oddQ, m5));
    }
}
