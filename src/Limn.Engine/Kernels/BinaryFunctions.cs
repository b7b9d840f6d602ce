using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Limn.Engine.Kernels;

/// <summary>A function of two elements in the three forms that broadcasting needs: row with row, row with scalar, scalar with row.</summary>
internal interface IBinaryFunction<T, TResult>
{
    static abstract void Invoke(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<TResult> y);
    static abstract void Invoke(ReadOnlySpan<T> a, T b, Span<TResult> y);
    static abstract void Invoke(T a, ReadOnlySpan<T> b, Span<TResult> y);

    /// <summary>Throws where the function is not defined for a divisor among <paramref name="b"/>; called once, before any thread starts.</summary>
    static virtual void CheckRight(ReadOnlySpan<T> b) { }
}

/// <summary>A function of two elements that has no vector form.</summary>
internal interface IScalarFunction<T>
{
    static abstract T Invoke(T a, T b);
}

internal readonly struct AddFunction<T> : IBinaryFunction<T, T>
    where T : unmanaged, INumber<T>
{
    public static void Invoke(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<T> y) => TensorPrimitives.Add(a, b, y);
    public static void Invoke(ReadOnlySpan<T> a, T b, Span<T> y) => TensorPrimitives.Add(a, b, y);
    public static void Invoke(T a, ReadOnlySpan<T> b, Span<T> y) => TensorPrimitives.Add(b, a, y);
}

internal readonly struct SubtractFunction<T> : IBinaryFunction<T, T>
    where T : unmanaged, INumber<T>
{
    public static void Invoke(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<T> y) => TensorPrimitives.Subtract(a, b, y);
    public static void Invoke(ReadOnlySpan<T> a, T b, Span<T> y) => TensorPrimitives.Subtract(a, b, y);
    public static void Invoke(T a, ReadOnlySpan<T> b, Span<T> y) => TensorPrimitives.Subtract(a, b, y);
}

internal readonly struct MultiplyFunction<T> : IBinaryFunction<T, T>
    where T : unmanaged, INumber<T>
{
    public static void Invoke(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<T> y) => TensorPrimitives.Multiply(a, b, y);
    public static void Invoke(ReadOnlySpan<T> a, T b, Span<T> y) => TensorPrimitives.Multiply(a, b, y);
    public static void Invoke(T a, ReadOnlySpan<T> b, Span<T> y) => TensorPrimitives.Multiply(b, a, y);
}

/// <summary>a / b of floats, by IEEE 754.</summary>
internal readonly struct DivideFunction : IBinaryFunction<float, float>
{
    public static void Invoke(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y) => TensorPrimitives.Divide(a, b, y);
    public static void Invoke(ReadOnlySpan<float> a, float b, Span<float> y) => TensorPrimitives.Divide(a, b, y);
    public static void Invoke(float a, ReadOnlySpan<float> b, Span<float> y) => TensorPrimitives.Divide(a, b, y);
}

/// <summary>The larger; NaN if either is NaN.</summary>
internal readonly struct MaxFunction<T> : IBinaryFunction<T, T>
    where T : unmanaged, INumber<T>
{
    public static void Invoke(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<T> y) => TensorPrimitives.Max(a, b, y);
    public static void Invoke(ReadOnlySpan<T> a, T b, Span<T> y) => TensorPrimitives.Max(a, b, y);
    public static void Invoke(T a, ReadOnlySpan<T> b, Span<T> y) => TensorPrimitives.Max(b, a, y);
}

/// <summary>The smaller; NaN if either is NaN.</summary>
internal readonly struct MinFunction<T> : IBinaryFunction<T, T>
    where T : unmanaged, INumber<T>
{
    public static void Invoke(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<T> y) => TensorPrimitives.Min(a, b, y);
    public static void Invoke(ReadOnlySpan<T> a, T b, Span<T> y) => TensorPrimitives.Min(a, b, y);
    public static void Invoke(T a, ReadOnlySpan<T> b, Span<T> y) => TensorPrimitives.Min(b, a, y);
}

/// <summary>aᵇ of floats, as <see cref="MathF.Pow"/>; the exponents −1, 1/2, 1, 2 and 3 without logarithms.</summary>
internal readonly struct PowFunction : IBinaryFunction<float, float>
{
    public static void Invoke(ReadOnlySpan<float> a, ReadOnlySpan<float> b, Span<float> y)
    {
        for (int i = 0; i < y.Length; i++) y[i] = MathF.Pow(a[i], b[i]);
    }

    public static void Invoke(ReadOnlySpan<float> a, float b, Span<float> y)
    {
        switch (b)
        {
            case 2f:
                TensorPrimitives.Multiply(a, a, y);
                break;
            case 3f:
                for (int i = 0; i < y.Length; i++) y[i] = a[i] * a[i] * a[i];
                break;
            case 1f:
                a.CopyTo(y);
                break;
            case -1f:
                TensorPrimitives.Reciprocal(a, y);
                break;
            case 0.5f:
                // The power is defined at −∞ and has no negative zero, unlike the root.
                for (int i = 0; i < y.Length; i++) y[i] = float.IsNegativeInfinity(a[i]) ? float.PositiveInfinity : MathF.Sqrt(a[i] + 0f);
                break;
            default:
                for (int i = 0; i < y.Length; i++) y[i] = MathF.Pow(a[i], b);
                break;
        }
    }

    public static void Invoke(float a, ReadOnlySpan<float> b, Span<float> y)
    {
        for (int i = 0; i < y.Length; i++) y[i] = MathF.Pow(a, b[i]);
    }
}

/// <summary>Adapts a scalar function to rows.</summary>
internal readonly struct Scalars<T, TFunction> : IBinaryFunction<T, T>
    where TFunction : struct, IScalarFunction<T>
{
    public static void Invoke(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<T> y)
    {
        for (int i = 0; i < y.Length; i++) y[i] = TFunction.Invoke(a[i], b[i]);
    }

    public static void Invoke(ReadOnlySpan<T> a, T b, Span<T> y)
    {
        for (int i = 0; i < y.Length; i++) y[i] = TFunction.Invoke(a[i], b);
    }

    public static void Invoke(T a, ReadOnlySpan<T> b, Span<T> y)
    {
        for (int i = 0; i < y.Length; i++) y[i] = TFunction.Invoke(a, b[i]);
    }
}

/// <summary>A function of integers that no divisor of 0 may reach.</summary>
internal readonly struct Dividing<TFunction> : IBinaryFunction<long, long>
    where TFunction : struct, IScalarFunction<long>
{
    public static void Invoke(ReadOnlySpan<long> a, ReadOnlySpan<long> b, Span<long> y) => Scalars<long, TFunction>.Invoke(a, b, y);
    public static void Invoke(ReadOnlySpan<long> a, long b, Span<long> y) => Scalars<long, TFunction>.Invoke(a, b, y);
    public static void Invoke(long a, ReadOnlySpan<long> b, Span<long> y) => Scalars<long, TFunction>.Invoke(a, b, y);

    public static void CheckRight(ReadOnlySpan<long> b)
    {
        if (b.Contains(0)) Fail.DivisionByZero(typeof(TFunction) == typeof(DivideInt) ? "Division" : "Remainder");
    }
}

/// <summary>The quotient of integers, truncated towards 0 (the least integer over −1 wraps around to itself).</summary>
internal readonly struct DivideInt : IScalarFunction<long>
{
    public static long Invoke(long a, long b) => b == -1 ? unchecked(-a) : a / b;
}

/// <summary>The remainder of integers with the sign of the divisor, as in Python (ONNX Mod with fmod = 0).</summary>
internal readonly struct ModInt : IScalarFunction<long>
{
    public static long Invoke(long a, long b)
    {
        long r = b == -1 ? 0 : a % b;
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }
}

/// <summary>The remainder of integers with the sign of the dividend, as in C (ONNX Mod with fmod = 1).</summary>
internal readonly struct RemainderInt : IScalarFunction<long>
{
    public static long Invoke(long a, long b) => b == -1 ? 0 : a % b;
}

/// <summary>The remainder of floats with the sign of the dividend, as fmod of C; NaN where the divisor is 0.</summary>
internal readonly struct RemainderFloat : IScalarFunction<float>
{
    public static float Invoke(float a, float b) => a % b;
}

/// <summary>The remainder of floats with the sign of the divisor, as in Python; NaN where the divisor is 0.</summary>
internal readonly struct ModFloat : IScalarFunction<float>
{
    public static float Invoke(float a, float b)
    {
        float r = a % b;
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }
}

/// <summary>aᵇ of integers, wrapping around on overflow. A negative exponent gives the reciprocal truncated to 0, except of ±1.</summary>
internal readonly struct PowInt : IScalarFunction<long>
{
    public static long Invoke(long a, long b)
    {
        if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
        long power = 1;
        for (; b > 0; b >>= 1)
        {
            if ((b & 1) != 0) power = unchecked(power * a);
            a = unchecked(a * a);
        }
        return power;
    }
}

/// <summary>The three functions of truth values, on their bytes (0 or 1).</summary>
internal readonly struct AndFunction : IBinaryFunction<bool, bool>
{
    public static void Invoke(ReadOnlySpan<bool> a, ReadOnlySpan<bool> b, Span<bool> y) => TensorPrimitives.BitwiseAnd(a.Bytes(), b.Bytes(), y.Bytes());
    public static void Invoke(ReadOnlySpan<bool> a, bool b, Span<bool> y) => TensorPrimitives.BitwiseAnd(a.Bytes(), b.Byte(), y.Bytes());
    public static void Invoke(bool a, ReadOnlySpan<bool> b, Span<bool> y) => Invoke(b, a, y);
}

internal readonly struct OrFunction : IBinaryFunction<bool, bool>
{
    public static void Invoke(ReadOnlySpan<bool> a, ReadOnlySpan<bool> b, Span<bool> y) => TensorPrimitives.BitwiseOr(a.Bytes(), b.Bytes(), y.Bytes());
    public static void Invoke(ReadOnlySpan<bool> a, bool b, Span<bool> y) => TensorPrimitives.BitwiseOr(a.Bytes(), b.Byte(), y.Bytes());
    public static void Invoke(bool a, ReadOnlySpan<bool> b, Span<bool> y) => Invoke(b, a, y);
}

internal readonly struct XorFunction : IBinaryFunction<bool, bool>
{
    public static void Invoke(ReadOnlySpan<bool> a, ReadOnlySpan<bool> b, Span<bool> y) => TensorPrimitives.Xor(a.Bytes(), b.Bytes(), y.Bytes());
    public static void Invoke(ReadOnlySpan<bool> a, bool b, Span<bool> y) => TensorPrimitives.Xor(a.Bytes(), b.Byte(), y.Bytes());
    public static void Invoke(bool a, ReadOnlySpan<bool> b, Span<bool> y) => Invoke(b, a, y);
}

/// <summary>Truth values that agree.</summary>
internal readonly struct EqualBoolFunction : IBinaryFunction<bool, bool>
{
    public static void Invoke(ReadOnlySpan<bool> a, ReadOnlySpan<bool> b, Span<bool> y)
    {
        TensorPrimitives.Xor(a.Bytes(), b.Bytes(), y.Bytes());
        TensorPrimitives.Xor(y.Bytes(), (byte)1, y.Bytes());
    }

    public static void Invoke(ReadOnlySpan<bool> a, bool b, Span<bool> y) => XorFunction.Invoke(a, !b, y);
    public static void Invoke(bool a, ReadOnlySpan<bool> b, Span<bool> y) => XorFunction.Invoke(b, !a, y);
}

/// <summary>Views of truth values as the bytes 0 and 1.</summary>
internal static class BoolBytes
{
    public static ReadOnlySpan<byte> Bytes(this ReadOnlySpan<bool> x) => MemoryMarshal.Cast<bool, byte>(x);
    public static Span<byte> Bytes(this Span<bool> x) => MemoryMarshal.Cast<bool, byte>(x);
    public static byte Byte(this bool x) => x ? (byte)1 : (byte)0;
}
