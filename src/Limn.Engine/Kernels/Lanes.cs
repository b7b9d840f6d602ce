using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Limn.Engine.Kernels;

/// <summary>
/// What a kernel needs of a vector of floats. A kernel is written once over this and compiled for each width, so that a test can
/// run every width in one process.
/// </summary>
internal unsafe interface ILane<TVector>
    where TVector : unmanaged
{
    /// <summary>Floats in a vector.</summary>
    static abstract int Width { get; }

    /// <summary>Rows of a register tile of the product: with 3 vectors a row, as many as the registers hold.</summary>
    static abstract int TileRows { get; }

    static abstract TVector Load(float* from);

    /// <summary>The first floats, fewer than a vector has, and zeros; memory beyond them is not touched.</summary>
    static abstract TVector LoadFirst(float* from, int count);

    static abstract void Store(TVector vector, float* to);
    static abstract TVector Broadcast(float value);

    /// <summary>left * right + sum, fused where the processor can.</summary>
    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector sum);

    static abstract TVector Multiply(TVector left, TVector right);
    static abstract float Sum(TVector vector);

    static abstract TVector Add(TVector left, TVector right);

    /// <summary>min(max(x, low), high) for bounds that are numbers; NaN stays NaN.</summary>
    static abstract TVector Clip(TVector x, TVector low, TVector high);

    /// <summary>x where gate > 0, and 0 elsewhere.</summary>
    static abstract TVector Gate(TVector x, TVector gate);

    /// <summary>Stores the first floats, fewer than a vector has; memory beyond them is not touched.</summary>
    static abstract void StoreFirst(TVector vector, float* to, int count);
}

internal readonly unsafe struct Lane512 : ILane<Vector512<float>>
{
    public static int Width => 16;
    public static int TileRows => 8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* from) => Vector512.Load(from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadFirst(float* from, int count)
    {
        if (Avx512F.IsSupported) return Avx512F.MaskLoad(from, Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle(), Vector512<float>.Zero);
        Vector512<float> some = default;
        for (int i = 0; i < count; i++) some = some.WithElement(i, from[i]);
        return some;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> vector, float* to) => vector.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> sum) =>
        Vector512.MultiplyAddEstimate(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> left, Vector512<float> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> vector) => Vector512.Sum(vector);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> left, Vector512<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Clip(Vector512<float> x, Vector512<float> low, Vector512<float> high)
    {
        if (Avx512F.IsSupported) return Avx512F.Min(high, Avx512F.Max(low, x)); // of a NaN and a number these give the second
        x = Vector512.ConditionalSelect(Vector512.LessThan(x, low), low, x);
        return Vector512.ConditionalSelect(Vector512.LessThan(high, x), high, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Gate(Vector512<float> x, Vector512<float> gate) =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(gate, Vector512<float>.Zero), x, Vector512<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector512<float> vector, float* to, int count)
    {
        if (Avx512F.IsSupported)
        {
            Avx512F.MaskStore(to, Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle(), vector);
            return;
        }
        for (int i = 0; i < count; i++) to[i] = vector.GetElement(i);
    }
}

internal readonly unsafe struct Lane256 : ILane<Vector256<float>>
{
    public static int Width => 8;
    public static int TileRows => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* from) => Vector256.Load(from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadFirst(float* from, int count)
    {
        if (Avx.IsSupported) return Avx.MaskLoad(from, Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle());
        Vector256<float> some = default;
        for (int i = 0; i < count; i++) some = some.WithElement(i, from[i]);
        return some;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> vector, float* to) => vector.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> sum) =>
        Vector256.MultiplyAddEstimate(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> left, Vector256<float> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> vector) => Vector256.Sum(vector);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Clip(Vector256<float> x, Vector256<float> low, Vector256<float> high)
    {
        if (Avx.IsSupported) return Avx.Min(high, Avx.Max(low, x)); // of a NaN and a number these give the second
        x = Vector256.ConditionalSelect(Vector256.LessThan(x, low), low, x);
        return Vector256.ConditionalSelect(Vector256.LessThan(high, x), high, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Gate(Vector256<float> x, Vector256<float> gate) =>
        Vector256.ConditionalSelect(Vector256.GreaterThan(gate, Vector256<float>.Zero), x, Vector256<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector256<float> vector, float* to, int count)
    {
        if (Avx.IsSupported)
        {
            Avx.MaskStore(to, Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle(), vector);
            return;
        }
        for (int i = 0; i < count; i++) to[i] = vector.GetElement(i);
    }
}

internal readonly unsafe struct Lane128 : ILane<Vector128<float>>
{
    public static int Width => 4;
    public static int TileRows => AdvSimd.IsSupported ? 8 : 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* from) => Vector128.Load(from);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadFirst(float* from, int count)
    {
        if (Avx.IsSupported) return Avx.MaskLoad(from, Vector128.LessThan(Vector128<int>.Indices, Vector128.Create(count)).AsSingle());
        float second = count > 1 ? from[1] : 0, third = count > 2 ? from[2] : 0;
        return Vector128.Create(count > 0 ? from[0] : 0, second, third, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> vector, float* to) => vector.Store(to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> left, Vector128<float> right, Vector128<float> sum) =>
        Vector128.MultiplyAddEstimate(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> left, Vector128<float> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> vector) => Vector128.Sum(vector);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> left, Vector128<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Clip(Vector128<float> x, Vector128<float> low, Vector128<float> high)
    {
        if (Sse.IsSupported) return Sse.Min(high, Sse.Max(low, x)); // of a NaN and a number these give the second
        x = Vector128.ConditionalSelect(Vector128.LessThan(x, low), low, x);
        return Vector128.ConditionalSelect(Vector128.LessThan(high, x), high, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Gate(Vector128<float> x, Vector128<float> gate) =>
        Vector128.ConditionalSelect(Vector128.GreaterThan(gate, Vector128<float>.Zero), x, Vector128<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector128<float> vector, float* to, int count)
    {
        if (Avx.IsSupported)
        {
            Avx.MaskStore(to, Vector128.LessThan(Vector128<int>.Indices, Vector128.Create(count)).AsSingle(), vector);
            return;
        }
        for (int i = 0; i < count; i++) to[i] = vector.GetElement(i);
    }
}

/// <summary>A vector of one: the same kernels where there are no vectors.</summary>
internal readonly unsafe struct LaneScalar : ILane<float>
{
    public static int Width => 1;
    public static int TileRows => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Load(float* from) => *from;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LoadFirst(float* from, int count) => 0; // a vector of one has no part

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float vector, float* to) => *to = vector;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Broadcast(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float left, float right, float sum) => float.MultiplyAddEstimate(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Multiply(float left, float right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(float vector) => vector;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float left, float right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Clip(float x, float low, float high)
    {
        x = x < low ? low : x;
        return high < x ? high : x;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Gate(float x, float gate) => gate > 0 ? x : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(float vector, float* to, int count)
    {
        // a vector of one has no part
    }
}
