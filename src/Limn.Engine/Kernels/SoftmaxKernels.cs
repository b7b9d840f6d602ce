using System.Numerics;
using System.Numerics.Tensors;

namespace Limn.Engine.Kernels;

/// <summary>Softmax, its logarithm, and the vector-Jacobian products of both, over the middle axis of [outer, axis, inner].</summary>
/// <remarks>
/// The maximum is subtracted first, so no exponential overflows; sums are in double. A row that holds NaN or +∞, or nothing
/// but −∞, becomes NaN, as in PyTorch. Results may be written over x (or over dy).
/// </remarks>
internal static unsafe class SoftmaxKernels
{
    private const int Strip = 256;

    /// <summary>yᵢ = e^xᵢ / Σⱼ e^xⱼ.</summary>
    public static void Softmax(ReadOnlySpan<float> x, Span<float> y, int outer, int axis, int inner, Workers workers) =>
        Forward(x, y, outer, axis, inner, logarithm: false, workers);

    /// <summary>yᵢ = xᵢ − ln Σⱼ e^xⱼ.</summary>
    public static void LogSoftmax(ReadOnlySpan<float> x, Span<float> y, int outer, int axis, int inner, Workers workers) =>
        Forward(x, y, outer, axis, inner, logarithm: true, workers);

    /// <summary>dxᵢ = yᵢ·(dyᵢ − Σⱼ yⱼ·dyⱼ), with y the softmax.</summary>
    public static void SoftmaxBackward(ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Span<float> dx, int outer, int axis, int inner, Workers workers) =>
        Backward(y, dy, dx, outer, axis, inner, logarithm: false, workers);

    /// <summary>dxᵢ = dyᵢ − e^yᵢ·Σⱼ dyⱼ, with y the log-softmax.</summary>
    public static void LogSoftmaxBackward(ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Span<float> dx, int outer, int axis, int inner, Workers workers) =>
        Backward(y, dy, dx, outer, axis, inner, logarithm: true, workers);

    /// <summary>Σ e^(x − max), in double.</summary>
    public static double SumOfExponentials(ReadOnlySpan<float> x, float max)
    {
        Vector<float> shift = Vector.Create(max);
        Vector<double> low = Vector<double>.Zero, high = Vector<double>.Zero;
        int i = 0, width = Vector<float>.Count;
        for (; i + width <= x.Length; i += width)
        {
            Vector.Widen(Exp(new Vector<float>(x[i..]) - shift), out Vector<double> a, out Vector<double> b);
            low += a;
            high += b;
        }
        double sum = Vector.Sum(low + high);
        if (i == x.Length) return sum;
        Vector<float> tail = Padded(x[i..], float.NegativeInfinity) - shift;
        Vector<float> e = Exp(tail);
        for (int k = 0; k < x.Length - i; k++) sum += e[k];
        return sum;
    }

    private static void Forward(ReadOnlySpan<float> x, Span<float> y, int outer, int axis, int inner, bool logarithm, Workers workers)
    {
        Check(x.Length, y.Length, outer, axis, inner);
        if (x.IsEmpty) return;
        fixed (float* px = x, py = y)
        {
            float* source = px, target = py;
            int strips = inner == 1 ? 1 : (inner + Strip - 1) / Strip;
            workers.Ranges(checked(outer * strips), Chunks.Items(Chunks.Dear, (long)axis * Math.Min(inner, Strip)), (first, last) =>
            {
                for (int item = first; item < last; item++)
                {
                    if (inner == 1)
                    {
                        long at = (long)item * axis;
                        Row(new(source + at, axis), new(target + at, axis), logarithm);
                        continue;
                    }
                    (int o, int strip) = Math.DivRem(item, strips);
                    long offset = (long)o * axis * inner + strip * Strip;
                    Columns(source + offset, target + offset, axis, inner, Math.Min(Strip, inner - strip * Strip), logarithm);
                }
            });
        }
    }

    private static void Row(ReadOnlySpan<float> x, Span<float> y, bool logarithm)
    {
        if (!logarithm)
        {
            SoftmaxRows.Forward(x, y);
            return;
        }
        // Of an infinite maximum, the difference of infinities is the NaN that is wanted.
        float max = TensorPrimitives.Max(x);
        double log = Math.Log(SumOfExponentials(x, max));
        ShiftBy(x, max, (float)log, y);
    }

    private static void Columns(float* x, float* y, int axis, int inner, int width, bool logarithm)
    {
        Span<float> max = stackalloc float[width], shifted = stackalloc float[width];
        Span<double> sum = stackalloc double[width];
        new ReadOnlySpan<float>(x, width).CopyTo(max);
        for (int k = 1; k < axis; k++) MaxReduction.Columns(max, new(x + (long)k * inner, width));
        sum.Clear();
        for (int k = 0; k < axis; k++)
        {
            Span<float> e = logarithm ? shifted : new Span<float>(y + (long)k * inner, width);
            TensorPrimitives.Subtract(new ReadOnlySpan<float>(x + (long)k * inner, width), max, e);
            Elementwise.Exp(e, e, Workers.Single);
            SumReduction<ItselfTerm, FinishSum>.Columns(sum, e);
        }
        for (int i = 0; i < width; i++) shifted[i] = (float)(logarithm ? Math.Log(sum[i]) : 1 / sum[i]);
        for (int k = 0; k < axis; k++)
        {
            var row = new Span<float>(y + (long)k * inner, width);
            if (logarithm)
            {
                TensorPrimitives.Subtract(new ReadOnlySpan<float>(x + (long)k * inner, width), max, row);
                TensorPrimitives.Subtract(row, shifted, row);
            }
            else
            {
                TensorPrimitives.Multiply(row, shifted, row);
            }
        }
    }

    private static void Backward(ReadOnlySpan<float> y, ReadOnlySpan<float> dy, Span<float> dx, int outer, int axis, int inner, bool logarithm, Workers workers)
    {
        Check(y.Length, dx.Length, outer, axis, inner);
        Dims.CheckSame(nameof(dy), dy.Length, y.Length);
        if (y.IsEmpty) return;
        fixed (float* py = y, pdy = dy, pdx = dx)
        {
            float* output = py, upstream = pdy, result = pdx;
            int strips = (inner + Strip - 1) / Strip;
            workers.Ranges(checked(outer * strips), Chunks.Items(Chunks.Dear, (long)axis * Math.Min(inner, Strip)), (first, last) =>
            {
                for (int item = first; item < last; item++)
                {
                    (int o, int strip) = Math.DivRem(item, strips);
                    long offset = (long)o * axis * inner + strip * Strip;
                    if (inner == 1) BackwardRow(output + offset, upstream + offset, result + offset, axis, logarithm);
                    else BackwardColumns(output + offset, upstream + offset, result + offset, axis, inner, Math.Min(Strip, inner - strip * Strip), logarithm);
                }
            });
        }
    }

    private static void BackwardRow(float* y, float* dy, float* dx, int axis, bool logarithm)
    {
        int i = 0, width = Vector<float>.Count;
        double total = 0;
        bool mayWin = true;
        if (logarithm)
        {
            Vector<double> low = Vector<double>.Zero, high = Vector<double>.Zero;
            for (; i + width <= axis; i += width)
            {
                Vector.Widen(Vector.Load(dy + i), out Vector<double> a, out Vector<double> b);
                low += a;
                high += b;
            }
            total = Vector.Sum(low + high);
            for (; i < axis; i++) total += dy[i];
        }
        else (total, mayWin) = SoftmaxRows.Dot(new(y, axis), new(dy, axis));
        float sum = (float)total;
        (int winner, float sharp) = mayWin ? Winner(y, dy, axis, 1, total, logarithm) : (-1, 0);

        i = 0;
        for (; i + width <= axis; i += width)
        {
            Vector<float> p = Vector.Load(y + i), d = Vector.Load(dy + i);
            (logarithm ? d - Exp(p) * sum : p * (d - Vector.Create(sum))).Store(dx + i);
        }
        for (; i < axis; i++) dx[i] = logarithm ? dy[i] - MathF.Exp(y[i]) * sum : y[i] * (dy[i] - sum);
        if (winner >= 0) dx[winner] = sharp;
    }

    /// <summary>
    /// The element that has more than half of the probability, if there is one, and what it sends. The plain formula subtracts nearly
    /// equal numbers there: of a probability of 1 − 10⁻⁷ it would leave only rounding errors.
    /// </summary>
    private static (int Index, float Sent) Winner(float* y, float* dy, int axis, int stride, double total, bool logarithm)
    {
        float half = logarithm ? -0.6931472f : 0.5f;
        int winner = 0;
        while (winner < axis && !(y[(long)winner * stride] > half)) winner++;
        if (winner == axis) return (-1, 0);
        float p = y[(long)winner * stride], d = dy[(long)winner * stride];
        if (logarithm) return (winner, (float)(d - total * Math.Exp(p)));
        double others = 0, mass = 0;
        for (int k = 0; k < axis; k++)
        {
            others += (double)y[(long)k * stride] * ((double)d - dy[(long)k * stride]);
            mass += y[(long)k * stride];
        }
        return Math.Abs(mass - 1) < 1e-5 ? (winner, (float)(p * others)) : (-1, 0); // the identity holds for probabilities only
    }

    private static void BackwardColumns(float* y, float* dy, float* dx, int axis, int inner, int width, bool logarithm)
    {
        Span<double> sum = stackalloc double[width];
        Span<float> total = stackalloc float[width], term = stackalloc float[width];
        sum.Clear();
        for (int k = 0; k < axis; k++)
        {
            ReadOnlySpan<float> p = new(y + (long)k * inner, width), d = new(dy + (long)k * inner, width);
            if (logarithm) d.CopyTo(term);
            else TensorPrimitives.Multiply(p, d, term);
            SumReduction<ItselfTerm, FinishSum>.Columns(sum, term);
        }
        Span<int> winners = stackalloc int[width];
        Span<float> sharp = stackalloc float[width];
        for (int i = 0; i < width; i++)
        {
            total[i] = (float)sum[i];
            (winners[i], sharp[i]) = Winner(y + i, dy + i, axis, inner, sum[i], logarithm);
        }
        for (int k = 0; k < axis; k++)
        {
            ReadOnlySpan<float> p = new(y + (long)k * inner, width), d = new(dy + (long)k * inner, width);
            var row = new Span<float>(dx + (long)k * inner, width);
            if (logarithm)
            {
                Elementwise.Exp(p, term, Workers.Single);
                TensorPrimitives.Multiply(term, total, term);
                TensorPrimitives.Subtract(d, term, row);
            }
            else
            {
                TensorPrimitives.Subtract(d, total, term);
                TensorPrimitives.Multiply(p, term, row);
            }
        }
        for (int i = 0; i < width; i++)
            if (winners[i] >= 0) dx[(long)winners[i] * inner + i] = sharp[i];
    }

    private static void ShiftBy(ReadOnlySpan<float> x, float max, float log, Span<float> y)
    {
        TensorPrimitives.Subtract(x, max, y);
        TensorPrimitives.Subtract(y, log, y);
    }

    private static Vector<float> Exp(Vector<float> x) => VectorMath.Exp(new NativeFloats(x)).Value;

    private static Vector<float> Padded(ReadOnlySpan<float> tail, float padding)
    {
        Span<float> full = stackalloc float[Vector<float>.Count];
        full.Fill(padding);
        tail.CopyTo(full);
        return new Vector<float>(full);
    }

    private static void Check(int x, int y, int outer, int axis, int inner)
    {
        if ((long)outer * axis * inner != x) Fail.Shape($"An array of {x} elements is not [{outer}, {axis}, {inner}].");
        Dims.CheckSame(nameof(y), y, x);
    }
}
