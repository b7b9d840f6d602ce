using System.Numerics.Tensors;

namespace Limn.Engine.Kernels;

/// <summary>Conversions between the element types of ONNX, each held as float, long or bool.</summary>
internal static unsafe class Casting
{
    /// <summary>
    /// Floats as another floating type: those of 16 bits are rounded to the nearest (ties to even), beyond their range to ±∞;
    /// double is held as float and so stays as it is. For smaller ones see <see cref="SmallFloats.Round"/>.
    /// </summary>
    public static void Run(ReadOnlySpan<float> x, Span<float> y, ElementType to, Workers workers, bool saturate = true, PowerRounding powers = PowerRounding.Up)
    {
        switch (to)
        {
            case ElementType.Float16: Elementwise.MapSpans(x, y, workers, Chunks.Dear, RoundToHalf); break;
            case ElementType.BFloat16: Elementwise.MapSpans(x, y, workers, Chunks.Dear, RoundToBFloat16); break;
            case var small when small.IsSmallFloat(): SmallFloats.Round(x, y, small, saturate, powers); break;
            default:
                if (!(x.Overlaps(y, out int offset) && offset == 0)) x.CopyTo(y);
                break;
        }
    }

    /// <summary>Integers as a floating type.</summary>
    public static void Run(ReadOnlySpan<long> x, ElementType from, Span<float> y, ElementType to, Workers workers, bool saturate = true, PowerRounding powers = PowerRounding.Up)
    {
        fixed (long* px = x)
        fixed (float* py = y)
        {
            long* source = px;
            float* target = py;
            Chunks.For(workers, x.Length, Chunks.Dear, (first, last) =>
            {
                if (from == ElementType.UInt64)
                    for (int i = first; i < last; i++) target[i] = (ulong)source[i];
                else
                    for (int i = first; i < last; i++) target[i] = source[i];
            });
        }
        if (to is not (ElementType.Float or ElementType.Double)) Run(y, y, to, workers, saturate, powers);
    }

    /// <summary>
    /// Floats as integers, truncated towards 0; beyond 64 bits the nearest integer of 64 bits, and NaN 0. Narrower types then take the low bits.
    /// </summary>
    public static void Run(ReadOnlySpan<float> x, Span<long> y, ElementType to, Workers workers)
    {
        fixed (float* px = x)
        fixed (long* py = y)
        {
            float* source = px;
            long* target = py;
            Chunks.For(workers, x.Length, Chunks.Dear, (first, last) =>
            {
                if (to == ElementType.UInt64)
                    for (int i = first; i < last; i++) target[i] = source[i] < 0 ? (long)source[i] : (long)(ulong)source[i];
                else
                    for (int i = first; i < last; i++) target[i] = IntegerTypes.Wrap((long)source[i], to);
            });
        }
    }

    /// <summary>False for ±0, true for all else, NaN too.</summary>
    public static void Run(ReadOnlySpan<float> x, Span<bool> y)
    {
        for (int i = 0; i < y.Length; i++) y[i] = x[i] != 0;
    }

    /// <inheritdoc cref="Run(ReadOnlySpan{float}, Span{bool})"/>
    public static void Run(ReadOnlySpan<long> x, Span<bool> y)
    {
        for (int i = 0; i < y.Length; i++) y[i] = x[i] != 0;
    }

    /// <summary>1 for true, 0 for false.</summary>
    public static void Run(ReadOnlySpan<bool> x, Span<float> y)
    {
        for (int i = 0; i < y.Length; i++) y[i] = x[i] ? 1 : 0;
    }

    /// <inheritdoc cref="Run(ReadOnlySpan{bool}, Span{float})"/>
    public static void Run(ReadOnlySpan<bool> x, Span<long> y)
    {
        for (int i = 0; i < y.Length; i++) y[i] = x[i] ? 1 : 0;
    }

    private static void RoundToHalf(ReadOnlySpan<float> x, Span<float> y)
    {
        const int Piece = 256;
        Span<Half> halves = stackalloc Half[Piece];
        for (int from = 0; from < x.Length; from += Piece)
        {
            int count = Math.Min(Piece, x.Length - from);
            TensorPrimitives.ConvertToHalf(x.Slice(from, count), halves);
            TensorPrimitives.ConvertToSingle(halves[..count], y[from..]);
        }
    }

    /// <summary>Adds half of the last bit that is kept (less one where it is even, so that ties go there) and cuts.</summary>
    private static void RoundToBFloat16(ReadOnlySpan<float> x, Span<float> y)
    {
        for (int i = 0; i < x.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(x[i]);
            y[i] = float.IsNaN(x[i]) ? x[i] : BitConverter.UInt32BitsToSingle((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000);
        }
    }
}
