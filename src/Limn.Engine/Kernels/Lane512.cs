using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Limn.Engine.Kernels;

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
    public static void StoreFirst(Vector512<float> vector, float* to, int count)
    {
        if (Avx512F.IsSupported)
        {
            Avx512F.MaskStore(to, Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle(), vector);
            return;
        }
        for (int i = 0; i < count; i++) to[i] = vector.GetElement(i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> left, Vector512<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> left, Vector512<float> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Divide(Vector512<float> left, Vector512<float> right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Clip(Vector512<float> x, Vector512<float> low, Vector512<float> high)
    {
        if (Avx512F.IsSupported) return Avx512F.Min(high, Avx512F.Max(low, x)); // of a NaN and a number these give the second
        x = Vector512.ConditionalSelect(Vector512.LessThan(x, low), low, x);
        return Vector512.ConditionalSelect(Vector512.LessThan(high, x), high, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Gate(Vector512<float> x, Vector512<float> gate, Vector512<float> low, Vector512<float> high) =>
        Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(gate, low) & Vector512.LessThanOrEqual(gate, high), x, Vector512<float>.Zero);

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
}
