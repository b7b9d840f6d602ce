using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Limn.Engine.Kernels;

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
    public static void StoreFirst(Vector256<float> vector, float* to, int count)
    {
        if (Avx.IsSupported)
        {
            Avx.MaskStore(to, Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle(), vector);
            return;
        }
        for (int i = 0; i < count; i++) to[i] = vector.GetElement(i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> left, Vector256<float> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Divide(Vector256<float> left, Vector256<float> right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Clip(Vector256<float> x, Vector256<float> low, Vector256<float> high)
    {
        if (Avx.IsSupported) return Avx.Min(high, Avx.Max(low, x)); // of a NaN and a number these give the second
        x = Vector256.ConditionalSelect(Vector256.LessThan(x, low), low, x);
        return Vector256.ConditionalSelect(Vector256.LessThan(high, x), high, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Gate(Vector256<float> x, Vector256<float> gate, Vector256<float> low, Vector256<float> high) =>
        Vector256.ConditionalSelect(Vector256.GreaterThanOrEqual(gate, low) & Vector256.LessThanOrEqual(gate, high), x, Vector256<float>.Zero);

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
}
