using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Limn.Engine.Kernels;

/// <summary>A test of two elements, on scalars and on vectors (all bits set where it holds). Any test with NaN fails.</summary>
internal interface IPredicate<T>
{
    static abstract bool Holds(T a, T b);
    static abstract Vector<T> Holds(Vector<T> a, Vector<T> b);
}

internal readonly struct IsEqual<T> : IPredicate<T>
    where T : unmanaged, INumber<T>
{
    public static bool Holds(T a, T b) => a == b;
    public static Vector<T> Holds(Vector<T> a, Vector<T> b) => Vector.Equals(a, b);
}

internal readonly struct IsGreater<T> : IPredicate<T>
    where T : unmanaged, INumber<T>
{
    public static bool Holds(T a, T b) => a > b;
    public static Vector<T> Holds(Vector<T> a, Vector<T> b) => Vector.GreaterThan(a, b);
}

internal readonly struct IsGreaterOrEqual<T> : IPredicate<T>
    where T : unmanaged, INumber<T>
{
    public static bool Holds(T a, T b) => a >= b;
    public static Vector<T> Holds(Vector<T> a, Vector<T> b) => Vector.GreaterThanOrEqual(a, b);
}

internal readonly struct IsLess<T> : IPredicate<T>
    where T : unmanaged, INumber<T>
{
    public static bool Holds(T a, T b) => a < b;
    public static Vector<T> Holds(Vector<T> a, Vector<T> b) => Vector.LessThan(a, b);
}

internal readonly struct IsLessOrEqual<T> : IPredicate<T>
    where T : unmanaged, INumber<T>
{
    public static bool Holds(T a, T b) => a <= b;
    public static Vector<T> Holds(Vector<T> a, Vector<T> b) => Vector.LessThanOrEqual(a, b);
}

/// <summary>A predicate on rows: the masks of several vectors are narrowed to one vector of bytes.</summary>
internal readonly struct Compare<T, TPredicate> : IBinaryFunction<T, bool>
    where T : unmanaged, INumber<T>
    where TPredicate : struct, IPredicate<T>
{
    public static void Invoke(ReadOnlySpan<T> a, ReadOnlySpan<T> b, Span<bool> y) =>
        Run(ref MemoryMarshal.GetReference(a), 1, ref MemoryMarshal.GetReference(b), 1, y);

    public static void Invoke(ReadOnlySpan<T> a, T b, Span<bool> y) => Run(ref MemoryMarshal.GetReference(a), 1, ref b, 0, y);

    public static void Invoke(T a, ReadOnlySpan<T> b, Span<bool> y) => Run(ref a, 0, ref MemoryMarshal.GetReference(b), 1, y);

    /// <summary>Steps are 1 for a row and 0 for a scalar.</summary>
    private static void Run(ref T a, nuint stepA, ref T b, nuint stepB, Span<bool> y)
    {
        ref byte target = ref Unsafe.As<bool, byte>(ref MemoryMarshal.GetReference(y));
        nuint i = 0, length = (nuint)y.Length, bytes = (nuint)Vector<byte>.Count;
        for (; i + bytes <= length; i += bytes)
        {
            Vector<sbyte> mask = Vector.Narrow(Masks(ref a, stepA, ref b, stepB, i), Masks(ref a, stepA, ref b, stepB, i + bytes / 2));
            Vector.AsVectorByte(mask & Vector<sbyte>.One).StoreUnsafe(ref target, i);
        }
        for (; i < length; i++) y[(int)i] = TPredicate.Holds(Unsafe.Add(ref a, i * stepA), Unsafe.Add(ref b, i * stepB));
    }

    private static Vector<short> Masks(ref T a, nuint stepA, ref T b, nuint stepB, nuint i)
    {
        nuint width = (nuint)Vector<T>.Count;
        if (typeof(T) == typeof(float))
        {
            return Vector.Narrow(Mask(ref a, stepA, ref b, stepB, i).As<T, int>(), Mask(ref a, stepA, ref b, stepB, i + width).As<T, int>());
        }
        Vector<int> low = Vector.Narrow(
            Mask(ref a, stepA, ref b, stepB, i).As<T, long>(), Mask(ref a, stepA, ref b, stepB, i + width).As<T, long>());
        Vector<int> high = Vector.Narrow(
            Mask(ref a, stepA, ref b, stepB, i + 2 * width).As<T, long>(), Mask(ref a, stepA, ref b, stepB, i + 3 * width).As<T, long>());
        return Vector.Narrow(low, high);
    }

    private static Vector<T> Mask(ref T a, nuint stepA, ref T b, nuint stepB, nuint i) => TPredicate.Holds(
        stepA == 0 ? new Vector<T>(a) : Vector.LoadUnsafe(ref a, i), stepB == 0 ? new Vector<T>(b) : Vector.LoadUnsafe(ref b, i));
}
