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

    /// <summary>The first floats, fewer than a vector has; memory beyond them is not touched.</summary>
    static abstract void StoreFirst(TVector vector, float* to, int count);

    static abstract TVector Broadcast(float value);

    /// <summary>left * right + sum, fused where the processor can.</summary>
    static abstract TVector MultiplyAdd(TVector left, TVector right, TVector sum);

    static abstract TVector Multiply(TVector left, TVector right);
    static abstract TVector Add(TVector left, TVector right);
    static abstract TVector Divide(TVector left, TVector right);

    /// <summary>max(value, bound); a value that is NaN stays NaN.</summary>
    static abstract TVector AtLeast(TVector value, TVector bound);

    /// <summary>min(value, bound); a value that is NaN stays NaN.</summary>
    static abstract TVector AtMost(TVector value, TVector bound);

    /// <summary>value where gate &gt; 0, and 0 elsewhere.</summary>
    static abstract TVector WherePositive(TVector value, TVector gate);

    /// <summary>The greater; the first NaN if there is one, and best where they are equal.</summary>
    static abstract TVector Greater(TVector best, TVector value);

    /// <summary>What is left where value equals sought or is NaN, and 0 elsewhere; nothing is left there afterwards.</summary>
    static abstract TVector Take(TVector value, TVector sought, ref TVector left);

    static abstract float Sum(TVector vector);
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
    public static void StoreFirst(Vector512<float> vector, float* to, int count)
    {
        if (Avx512F.IsSupported)
        {
            Avx512F.MaskStore(to, Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle(), vector);
            return;
        }
        for (int i = 0; i < count; i++) to[i] = vector[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> sum) =>
        Vector512.MultiplyAddEstimate(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> left, Vector512<float> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> left, Vector512<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> left, Vector512<float> right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AtLeast(Vector512<float> value, Vector512<float> bound) => Vector512.ConditionalSelect(Vector512.LessThan(value, bound), bound, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> AtMost(Vector512<float> value, Vector512<float> bound) => Vector512.ConditionalSelect(Vector512.GreaterThan(value, bound), bound, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> WherePositive(Vector512<float> value, Vector512<float> gate) =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(gate, Vector512<float>.Zero), value, Vector512<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Greater(Vector512<float> best, Vector512<float> value) =>
        Vector512.ConditionalSelect(Vector512.Equals(best, best) & ~Vector512.LessThanOrEqual(value, best), value, best);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Take(Vector512<float> value, Vector512<float> sought, ref Vector512<float> left)
    {
        Vector512<float> found = Vector512.Equals(value, sought) | ~Vector512.Equals(value, value), taken = Vector512.ConditionalSelect(found, left, Vector512<float>.Zero);
        left = Vector512.ConditionalSelect(found, Vector512<float>.Zero, left);
        return taken;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> vector) => Vector512.Sum(vector);
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
    public static void StoreFirst(Vector256<float> vector, float* to, int count)
    {
        if (Avx.IsSupported)
        {
            Avx.MaskStore(to, Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle(), vector);
            return;
        }
        for (int i = 0; i < count; i++) to[i] = vector[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> sum) =>
        Vector256.MultiplyAddEstimate(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> left, Vector256<float> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> left, Vector256<float> right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> AtLeast(Vector256<float> value, Vector256<float> bound) => Vector256.ConditionalSelect(Vector256.LessThan(value, bound), bound, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> AtMost(Vector256<float> value, Vector256<float> bound) => Vector256.ConditionalSelect(Vector256.GreaterThan(value, bound), bound, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> WherePositive(Vector256<float> value, Vector256<float> gate) =>
        Vector256.ConditionalSelect(Vector256.GreaterThan(gate, Vector256<float>.Zero), value, Vector256<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Greater(Vector256<float> best, Vector256<float> value) =>
        Vector256.ConditionalSelect(Vector256.Equals(best, best) & ~Vector256.LessThanOrEqual(value, best), value, best);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Take(Vector256<float> value, Vector256<float> sought, ref Vector256<float> left)
    {
        Vector256<float> found = Vector256.Equals(value, sought) | ~Vector256.Equals(value, value), taken = Vector256.ConditionalSelect(found, left, Vector256<float>.Zero);
        left = Vector256.ConditionalSelect(found, Vector256<float>.Zero, left);
        return taken;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> vector) => Vector256.Sum(vector);
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
    public static void StoreFirst(Vector128<float> vector, float* to, int count)
    {
        if (Avx.IsSupported)
        {
            Avx.MaskStore(to, Vector128.LessThan(Vector128<int>.Indices, Vector128.Create(count)).AsSingle(), vector);
            return;
        }
        for (int i = 0; i < count; i++) to[i] = vector[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MultiplyAdd(Vector128<float> left, Vector128<float> right, Vector128<float> sum) =>
        Vector128.MultiplyAddEstimate(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> left, Vector128<float> right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> left, Vector128<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> left, Vector128<float> right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> AtLeast(Vector128<float> value, Vector128<float> bound) => Vector128.ConditionalSelect(Vector128.LessThan(value, bound), bound, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> AtMost(Vector128<float> value, Vector128<float> bound) => Vector128.ConditionalSelect(Vector128.GreaterThan(value, bound), bound, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> WherePositive(Vector128<float> value, Vector128<float> gate) =>
        Vector128.ConditionalSelect(Vector128.GreaterThan(gate, Vector128<float>.Zero), value, Vector128<float>.Zero);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Greater(Vector128<float> best, Vector128<float> value) =>
        Vector128.ConditionalSelect(Vector128.Equals(best, best) & ~Vector128.LessThanOrEqual(value, best), value, best);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Take(Vector128<float> value, Vector128<float> sought, ref Vector128<float> left)
    {
        Vector128<float> found = Vector128.Equals(value, sought) | ~Vector128.Equals(value, value), taken = Vector128.ConditionalSelect(found, left, Vector128<float>.Zero);
        left = Vector128.ConditionalSelect(found, Vector128<float>.Zero, left);
        return taken;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> vector) => Vector128.Sum(vector);
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

    public static void StoreFirst(float vector, float* to, int count)
    {
        // a vector of one has no part
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Broadcast(float value) => value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MultiplyAdd(float left, float right, float sum) => float.MultiplyAddEstimate(left, right, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Multiply(float left, float right) => left * right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float left, float right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Divide(float left, float right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float AtLeast(float value, float bound) => value < bound ? bound : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float AtMost(float value, float bound) => value > bound ? bound : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float WherePositive(float value, float gate) => gate > 0 ? value : 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Greater(float best, float value) => float.IsNaN(best) || value <= best ? best : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Take(float value, float sought, ref float left)
    {
        if (value != sought && !float.IsNaN(value)) return 0;
        float taken = left;
        left = 0;
        return taken;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(float vector) => vector;
}
