using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Limn.Engine.Kernels;

/// <summary>Vectors of 16 floats, for processors that have them.</summary>
internal readonly struct Floats512(Vector512<float> value) : IFloats<Floats512>
{
    public static int Count => 16;

    public Vector512<float> Value { [MethodImpl(MethodImplOptions.AggressiveInlining)] get => value; }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Create(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Load(ref float from, nuint at) => new(Vector512.LoadUnsafe(ref from, at));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(ref float to, nuint at) => value.StoreUnsafe(ref to, at);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 operator +(Floats512 left, Floats512 right) => new(left.Value + right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 operator -(Floats512 left, Floats512 right) => new(left.Value - right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 operator *(Floats512 left, Floats512 right) => new(left.Value * right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 operator /(Floats512 left, Floats512 right) => new(left.Value / right.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 MultiplyAdd(Floats512 left, Floats512 right, Floats512 sum) => new(Vector512.MultiplyAddEstimate(left.Value, right.Value, sum.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Min(Floats512 left, Floats512 right) => new(Vector512.MinNative(left.Value, right.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Max(Floats512 left, Floats512 right) => new(Vector512.MaxNative(left.Value, right.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Abs(Floats512 x) => new(Vector512.Abs(x.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 CopySign(Floats512 magnitude, Floats512 sign) => new(Vector512.CopySign(magnitude.Value, sign.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Less(Floats512 left, Floats512 right) => new(Vector512.LessThan(left.Value, right.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 LessOrEqual(Floats512 left, Floats512 right) => new(Vector512.LessThanOrEqual(left.Value, right.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Equal(Floats512 left, Floats512 right) => new(Vector512.Equals(left.Value, right.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Select(Floats512 mask, Floats512 left, Floats512 right) => new(Vector512.ConditionalSelect(mask.Value, left.Value, right.Value));

    /// <remarks>One step of Newton's from the processor's estimate of 1/b: a division of so wide a vector takes longer.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Ratio(Floats512 a, Floats512 b)
    {
        if (!Avx512F.IsSupported) return a / b;
        Vector512<float> r = Avx512F.Reciprocal14(b.Value);
        return new(a.Value * Avx512F.FusedMultiplyAdd(r, Avx512F.FusedMultiplyAddNegated(b.Value, r, Vector512<float>.One), r));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 PowerOfTwo(Floats512 x) => new(((x.Value.AsInt32() << 23) + Vector512<float>.One.AsInt32()).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Floats512 Log(Floats512 x) => new(Vector512.Log(x.Value));
}
