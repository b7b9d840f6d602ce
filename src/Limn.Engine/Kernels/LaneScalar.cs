using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels;

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
    public static void StoreFirst(float vector, float* to, int count)
    {
        // a vector of one has no part
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Add(float left, float right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Subtract(float left, float right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Divide(float left, float right) => left / right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Clip(float x, float low, float high)
    {
        x = x < low ? low : x;
        return high < x ? high : x;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Gate(float x, float gate, float low, float high) => gate >= low && gate <= high ? x : 0;

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
}
