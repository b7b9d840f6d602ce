using System.Numerics;
using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels;

/// <summary>A vector of floats in which formulas can be written: a function is written once and compiled for each width.</summary>
/// <remarks>Comparisons give vectors of ones and zeros in every bit, for <see cref="Select"/>. <see cref="Vector{T}"/> alone would not do: it is 256 bits wide where the processor has 512.</remarks>
internal interface IFloats<TSelf>
    where TSelf : struct, IFloats<TSelf>
{
    /// <summary>Floats in a vector.</summary>
    static abstract int Count { get; }

    static abstract TSelf Create(float value);
    static abstract TSelf Load(ref float from, nuint at);
    void Store(ref float to, nuint at);

    static abstract TSelf operator +(TSelf left, TSelf right);
    static abstract TSelf operator -(TSelf left, TSelf right);
    static abstract TSelf operator *(TSelf left, TSelf right);
    static abstract TSelf operator /(TSelf left, TSelf right);

    /// <summary>left · right + sum, fused where the processor can.</summary>
    static abstract TSelf MultiplyAdd(TSelf left, TSelf right, TSelf sum);

    /// <summary>The smaller one; where the right one is NaN, NaN.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary>The larger one; where the right one is NaN, NaN.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    static abstract TSelf Abs(TSelf x);
    static abstract TSelf CopySign(TSelf magnitude, TSelf sign);
    static abstract TSelf Less(TSelf left, TSelf right);
    static abstract TSelf LessOrEqual(TSelf left, TSelf right);
    static abstract TSelf Equal(TSelf left, TSelf right);

    /// <summary>The left one where the mask's bits are set, else the right one.</summary>
    static abstract TSelf Select(TSelf mask, TSelf left, TSelf right);

    /// <summary>a/b of finite numbers, b of size 10⁻³⁰ to 10³⁰, within 2 units in the last place.</summary>
    static abstract TSelf Ratio(TSelf a, TSelf b);

    /// <summary>2ⁿ, where the lowest bits of x are the integer n from −126 to 127.</summary>
    static abstract TSelf PowerOfTwo(TSelf x);

    static abstract TSelf Log(TSelf x);
}

/// <summary>Vectors of the width that <see cref="Vector{T}"/> has.</summary>
internal readonly struct NativeFloats(Vector<float> value) : IFloats<NativeFloats>
{
    public static int Count => Vector<float>.Count;

    public Vector<float> Value { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => value; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats Create(float value) => new(Vector.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats Load(ref float from, nuint at) => new(Vector.LoadUnsafe(ref from, at));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(ref float to, nuint at) => value.StoreUnsafe(ref to, at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats operator +(NativeFloats left, NativeFloats right) => new(left.Value + right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats operator -(NativeFloats left, NativeFloats right) => new(left.Value - right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats operator *(NativeFloats left, NativeFloats right) => new(left.Value * right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats operator /(NativeFloats left, NativeFloats right) => new(left.Value / right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats MultiplyAdd(NativeFloats left, NativeFloats right, NativeFloats sum) => new(Vector.MultiplyAddEstimate(left.Value, right.Value, sum.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats Min(NativeFloats left, NativeFloats right) => new(Vector.MinNative(left.Value, right.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats Max(NativeFloats left, NativeFloats right) => new(Vector.MaxNative(left.Value, right.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats Abs(NativeFloats x) => new(Vector.Abs(x.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats CopySign(NativeFloats magnitude, NativeFloats sign) => new(Vector.CopySign(magnitude.Value, sign.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats Less(NativeFloats left, NativeFloats right) => new(Vector.AsVectorSingle(Vector.LessThan(left.Value, right.Value)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats LessOrEqual(NativeFloats left, NativeFloats right) => new(Vector.AsVectorSingle(Vector.LessThanOrEqual(left.Value, right.Value)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats Equal(NativeFloats left, NativeFloats right) => new(Vector.AsVectorSingle(Vector.Equals(left.Value, right.Value)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats Select(NativeFloats mask, NativeFloats left, NativeFloats right) => new(Vector.ConditionalSelect(mask.Value, left.Value, right.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats Ratio(NativeFloats a, NativeFloats b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats PowerOfTwo(NativeFloats x) => new(Vector.AsVectorSingle((Vector.AsVectorInt32(x.Value) << 23) + Vector.AsVectorInt32(Vector<float>.One)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static NativeFloats Log(NativeFloats x) => new(Vector.Log(x.Value));
}
