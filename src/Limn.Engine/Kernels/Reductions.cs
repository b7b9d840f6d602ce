using System.Numerics;
using System.Numerics.Tensors;

namespace Limn.Engine.Kernels;

/// <summary>
/// A reduction of elements <typeparamref name="T"/> through an accumulator: one row into one accumulator, or row by row into
/// one accumulator a column.
/// </summary>
internal interface IReduction<T, TAccumulator>
{
    /// <summary>What the reduction of nothing has accumulated.</summary>
    static abstract TAccumulator Identity { get; }
    static abstract TAccumulator Row(TAccumulator accumulator, ReadOnlySpan<T> row);
    static abstract void Columns(Span<TAccumulator> accumulators, ReadOnlySpan<T> row);

    /// <summary>The result from what was accumulated over <paramref name="count"/> elements.</summary>
    static abstract T Finish(TAccumulator accumulator, long count);
}

/// <summary>A term of a sum, in double.</summary>
internal interface ITerm
{
    static abstract Vector<double> Of(Vector<double> x);
    static abstract double Of(double x);
}

internal readonly struct ItselfTerm : ITerm
{
    public static Vector<double> Of(Vector<double> x) => x;
    public static double Of(double x) => x;
}

internal readonly struct SquareTerm : ITerm
{
    public static Vector<double> Of(Vector<double> x) => x * x;
    public static double Of(double x) => x * x;
}

internal readonly struct MagnitudeTerm : ITerm
{
    public static Vector<double> Of(Vector<double> x) => Vector.Abs(x);
    public static double Of(double x) => Math.Abs(x);
}

/// <summary>What becomes of a sum at the end.</summary>
internal interface IFinish
{
    static abstract double Of(double sum, long count);
}

internal readonly struct FinishSum : IFinish
{
    public static double Of(double sum, long count) => sum;
}

/// <summary>The mean: 0/0 = NaN of nothing.</summary>
internal readonly struct FinishMean : IFinish
{
    public static double Of(double sum, long count) => sum / count;
}

internal readonly struct FinishRoot : IFinish
{
    public static double Of(double sum, long count) => Math.Sqrt(sum);
}

internal readonly struct FinishLog : IFinish
{
    public static double Of(double sum, long count) => Math.Log(sum);
}

/// <summary>A sum of terms of floats, accumulated in double.</summary>
internal readonly struct SumReduction<TTerm, TFinish> : IReduction<float, double>
    where TTerm : struct, ITerm
    where TFinish : struct, IFinish
{
    public static double Identity => 0;

    public static double Row(double accumulator, ReadOnlySpan<float> row)
    {
        double sum = 0;
        int i = 0, width = Vector<float>.Count;
        if (row.Length >= width)
        {
            Vector<double> low = Vector<double>.Zero, high = Vector<double>.Zero;
            for (; i + width <= row.Length; i += width)
            {
                Vector.Widen(new Vector<float>(row[i..]), out Vector<double> x, out Vector<double> z);
                low += TTerm.Of(x);
                high += TTerm.Of(z);
            }
            sum = Vector.Sum(low + high);
        }
        for (; i < row.Length; i++) sum += TTerm.Of(row[i]);
        return accumulator + sum;
    }

    public static void Columns(Span<double> accumulators, ReadOnlySpan<float> row)
    {
        int i = 0, width = Vector<float>.Count;
        for (; i + width <= row.Length; i += width)
        {
            Vector.Widen(new Vector<float>(row[i..]), out Vector<double> x, out Vector<double> z);
            (new Vector<double>(accumulators[i..]) + TTerm.Of(x)).CopyTo(accumulators[i..]);
            (new Vector<double>(accumulators[(i + width / 2)..]) + TTerm.Of(z)).CopyTo(accumulators[(i + width / 2)..]);
        }
        for (; i < row.Length; i++) accumulators[i] += TTerm.Of(row[i]);
    }

    public static float Finish(double accumulator, long count) => (float)TFinish.Of(accumulator, count);
}

/// <summary>The product of floats, accumulated in double (so that it does not overflow half-way).</summary>
internal readonly struct ProductReduction : IReduction<float, double>
{
    public static double Identity => 1;

    public static double Row(double accumulator, ReadOnlySpan<float> row)
    {
        foreach (float x in row) accumulator *= x;
        return accumulator;
    }

    public static void Columns(Span<double> accumulators, ReadOnlySpan<float> row)
    {
        for (int i = 0; i < row.Length; i++) accumulators[i] *= row[i];
    }

    public static float Finish(double accumulator, long count) => (float)accumulator;
}

/// <summary>The largest float; NaN if any is NaN, −∞ of nothing.</summary>
internal readonly struct MaxReduction : IReduction<float, float>
{
    public static float Identity => float.NegativeInfinity;
    public static float Row(float accumulator, ReadOnlySpan<float> row) => row.IsEmpty ? accumulator : MathF.Max(accumulator, TensorPrimitives.Max(row));
    public static void Columns(Span<float> accumulators, ReadOnlySpan<float> row) => TensorPrimitives.Max(accumulators, row, accumulators);
    public static float Finish(float accumulator, long count) => accumulator;
}

/// <summary>The smallest float; NaN if any is NaN, +∞ of nothing.</summary>
internal readonly struct MinReduction : IReduction<float, float>
{
    public static float Identity => float.PositiveInfinity;
    public static float Row(float accumulator, ReadOnlySpan<float> row) => row.IsEmpty ? accumulator : MathF.Min(accumulator, TensorPrimitives.Min(row));
    public static void Columns(Span<float> accumulators, ReadOnlySpan<float> row) => TensorPrimitives.Min(accumulators, row, accumulators);
    public static float Finish(float accumulator, long count) => accumulator;
}

/// <summary>ln Σ eˣ, kept as a running maximum and the sum of e^(x − maximum), which does not overflow. −∞ of nothing.</summary>
internal readonly struct LogSumExpReduction : IReduction<float, (float Max, double Sum)>
{
    public static (float Max, double Sum) Identity => (float.NegativeInfinity, 0);

    public static (float Max, double Sum) Row((float Max, double Sum) accumulator, ReadOnlySpan<float> row)
    {
        if (row.IsEmpty) return accumulator;
        float max = MathF.Max(accumulator.Max, TensorPrimitives.Max(row));
        if (!float.IsFinite(max)) return Unbounded(max);
        return (max, accumulator.Sum * Math.Exp(accumulator.Max - (double)max) + SoftmaxKernels.SumOfExponentials(row, max));
    }

    public static void Columns(Span<(float Max, double Sum)> accumulators, ReadOnlySpan<float> row)
    {
        for (int i = 0; i < row.Length; i++)
        {
            (float max, double sum) = accumulators[i];
            float x = row[i];
            if (!float.IsFinite(x) || !float.IsFinite(max))
            {
                float larger = MathF.Max(max, x);
                accumulators[i] = !float.IsFinite(larger) ? Unbounded(larger) : float.IsFinite(x) ? (x, 1) : (max, sum);
            }
            else
            {
                accumulators[i] = x <= max ? (max, sum + Math.Exp(x - (double)max)) : (x, sum * Math.Exp(max - (double)x) + 1);
            }
        }
    }

    public static float Finish((float Max, double Sum) accumulator, long count) =>
        float.IsFinite(accumulator.Max) ? (float)(accumulator.Max + Math.Log(accumulator.Sum)) : accumulator.Max;

    /// <summary>With an infinite or NaN maximum, the maximum is the answer.</summary>
    private static (float Max, double Sum) Unbounded(float max) => (max, 0);
}

/// <summary>The sum of integers, wrapping around on overflow.</summary>
internal readonly struct SumInt : IReduction<long, long>
{
    public static long Identity => 0;
    public static long Row(long accumulator, ReadOnlySpan<long> row) => accumulator + TensorPrimitives.Sum(row);
    public static void Columns(Span<long> accumulators, ReadOnlySpan<long> row) => TensorPrimitives.Add(accumulators, row, accumulators);
    public static long Finish(long accumulator, long count) => accumulator;
}

/// <summary>The mean of integers, truncated towards 0; 0 of nothing.</summary>
internal readonly struct MeanInt : IReduction<long, long>
{
    public static long Identity => 0;
    public static long Row(long accumulator, ReadOnlySpan<long> row) => SumInt.Row(accumulator, row);
    public static void Columns(Span<long> accumulators, ReadOnlySpan<long> row) => SumInt.Columns(accumulators, row);
    public static long Finish(long accumulator, long count) => count == 0 ? 0 : accumulator / count;
}

/// <summary>The product of integers, wrapping around on overflow.</summary>
internal readonly struct ProductInt : IReduction<long, long>
{
    public static long Identity => 1;

    public static long Row(long accumulator, ReadOnlySpan<long> row)
    {
        foreach (long x in row) accumulator = unchecked(accumulator * x);
        return accumulator;
    }

    public static void Columns(Span<long> accumulators, ReadOnlySpan<long> row) => TensorPrimitives.Multiply(accumulators, row, accumulators);
    public static long Finish(long accumulator, long count) => accumulator;
}

/// <summary>The largest integer; the least of all of nothing.</summary>
internal readonly struct MaxInt : IReduction<long, long>
{
    public static long Identity => long.MinValue;
    public static long Row(long accumulator, ReadOnlySpan<long> row) => row.IsEmpty ? accumulator : Math.Max(accumulator, TensorPrimitives.Max(row));
    public static void Columns(Span<long> accumulators, ReadOnlySpan<long> row) => TensorPrimitives.Max(accumulators, row, accumulators);
    public static long Finish(long accumulator, long count) => accumulator;
}

/// <summary>The smallest integer; the largest of all of nothing.</summary>
internal readonly struct MinInt : IReduction<long, long>
{
    public static long Identity => long.MaxValue;
    public static long Row(long accumulator, ReadOnlySpan<long> row) => row.IsEmpty ? accumulator : Math.Min(accumulator, TensorPrimitives.Min(row));
    public static void Columns(Span<long> accumulators, ReadOnlySpan<long> row) => TensorPrimitives.Min(accumulators, row, accumulators);
    public static long Finish(long accumulator, long count) => accumulator;
}
