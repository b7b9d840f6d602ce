using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Limn.Engine.Kernels;

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
    public static void StoreFirst(Vector128<float> vector, float* to, int count)
    {
        if (Avx.IsSupported)
        {
            Avx.MaskStore(to, Vector128.LessThan(Vector128<int>.Indices, Vector128.Create(count)).AsSingle(), vector);
            return;
        }
        for (int i = 0; i < count; i++) to[i] = vector.GetElement(i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> left, Vector128<float> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> left, Vector128<float> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Divide(Vector128<float> left, Vector128<float> right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Clip(Vector128<float> x, Vector128<float> low, Vector128<float> high)
    {
        if (Sse.IsSupported) return Sse.Min(high, Sse.Max(low, x)); // of a NaN and a number these give the second
        x = Vector128.ConditionalSelect(Vector128.LessThan(x, low), low, x);
        return Vector128.ConditionalSelect(Vector128.LessThan(high, x), high, x);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Gate(Vector128<float> x, Vector128<float> gate, Vector128<float> low, Vector128<float> high) =>
        Vector128.ConditionalSelect(Vector128.GreaterThanOrEqual(gate, low) & Vector128.LessThanOrEqual(gate, high), x, Vector128<float>.Zero);

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
}
