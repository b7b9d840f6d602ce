using System.Numerics.Tensors;

namespace Limn.Engine.Kernels;

/// <summary>How an axis is resampled: output o is Σ weight[o·Width + t] · input[index[o·Width + t]] over t &lt; Width.</summary>
/// <param name="Inputs">The length of the input.</param>
/// <param name="Outputs">The length of the output.</param>
/// <param name="Width">How many inputs an output is made of.</param>
/// <param name="Index">Which, all of them inside.</param>
/// <param name="Weight">How much of each.</param>
/// <param name="Outside">Which outputs lie outside of the input and take the extrapolation value; null if none does.</param>
internal sealed record ResampledAxis(int Inputs, int Outputs, int Width, int[] Index, float[] Weight, bool[]? Outside)
{
    /// <summary>Whether the axis stays as it is.</summary>
    public bool IsIdentity => Inputs == Outputs && Width == 1 && Outside is null && Index.AsSpan().SequenceEqual(Enumerable.Range(0, Inputs).ToArray());
}

/// <summary>Resampling of tensors [outer, axis, inner], an axis at a time.</summary>
internal static class Resampling
{
    /// <summary>Resamples every axis of <paramref name="x"/>, or, backwards, applies the adjoint to it; the axes that make the tensor smallest come first.</summary>
    /// <param name="x">Of the dimensions <paramref name="dims"/>.</param>
    /// <param name="y">What comes out.</param>
    /// <param name="dims">The dimensions of x.</param>
    /// <param name="axes">What happens to each.</param>
    /// <param name="forward">Whether x are inputs, not outputs, of the axes.</param>
    /// <param name="workers">Who does it. What lies before the first axis that changes is cut into items, each with small buffers of its own.</param>
    public static void Apply(ReadOnlyMemory<float> x, Memory<float> y, ReadOnlySpan<int> dims, ResampledAxis[] axes, bool forward, Workers workers)
    {
        int[] order = [.. Enumerable.Range(0, axes.Length).Where(d => !axes[d].IsIdentity).OrderBy(d => (double)axes[d].Outputs / Math.Max(1, axes[d].Inputs) * (forward ? 1 : -1))];
        if (order.Length == 0)
        {
            x.CopyTo(y);
            return;
        }
        int[] item = dims[order.Min()..].ToArray();
        int skipped = dims.Length - item.Length, items = NdArray.Count(dims[..skipped]), from = NdArray.Count(item), to = y.Length / Math.Max(1, items);
        if (items == 0) return;
        workers.Ranges(items, Chunks.Items(Chunks.Cheap, 4L * Math.Max(from, to)), (first, last) =>
        {
            var buffers = new float[order.Length - 1][];
            for (int k = first; k < last; k++)
            {
                int[] now = (int[])item.Clone();
                ReadOnlySpan<float> source = x.Span.Slice(k * from, from);
                for (int i = 0; i < order.Length; i++)
                {
                    ResampledAxis axis = axes[order[i]];
                    int d = order[i] - skipped, outer = NdArray.Count(now.AsSpan(0, d)), inner = NdArray.Count(now.AsSpan(d + 1));
                    now[d] = forward ? axis.Outputs : axis.Inputs;
                    Span<float> target = i == order.Length - 1 ? y.Span.Slice(k * to, to) : buffers[i] ??= new float[NdArray.Count(now)];
                    if (forward) Forward(source, target, outer, inner, axis);
                    else Backward(source, target, outer, inner, axis);
                    source = target;
                }
            }
        });
    }

    /// <summary>y[o, j, i] = Σ weight · x[o, index, i].</summary>
    private static void Forward(ReadOnlySpan<float> x, Span<float> y, int outer, int inner, ResampledAxis axis)
    {
        for (int o = 0; o < outer; o++)
        {
            ReadOnlySpan<float> source = x.Slice(o * axis.Inputs * inner, axis.Inputs * inner);
            Span<float> target = y.Slice(o * axis.Outputs * inner, axis.Outputs * inner);
            if (inner == 1) Line(source, target, axis);
            else Rows(source, target, inner, axis);
        }
    }

    /// <summary>The adjoint: x[o, index, i] = Σ weight · y[o, j, i].</summary>
    private static void Backward(ReadOnlySpan<float> y, Span<float> x, int outer, int inner, ResampledAxis axis)
    {
        x.Clear();
        for (int o = 0; o < outer; o++)
        {
            ReadOnlySpan<float> source = y.Slice(o * axis.Outputs * inner, axis.Outputs * inner);
            Span<float> target = x.Slice(o * axis.Inputs * inner, axis.Inputs * inner);
            for (int j = 0, t = 0; j < axis.Outputs; j++)
            {
                for (int end = t + axis.Width; t < end; t++)
                {
                    if (inner == 1) target[axis.Index[t]] += axis.Weight[t] * source[j];
                    else if (axis.Weight[t] != 0)
                    {
                        Span<float> row = target.Slice(axis.Index[t] * inner, inner);
                        TensorPrimitives.MultiplyAdd(source.Slice(j * inner, inner), axis.Weight[t], row, row);
                    }
                }
            }
        }
    }

    /// <summary>y[o, j, i] = x[o, index, i], for elements of any type; the width is 1.</summary>
    public static void Pick<T>(ReadOnlySpan<T> x, Span<T> y, int outer, int inner, ResampledAxis axis)
    {
        for (int o = 0; o < outer; o++)
        {
            ReadOnlySpan<T> source = x.Slice(o * axis.Inputs * inner, axis.Inputs * inner);
            Span<T> target = y.Slice(o * axis.Outputs * inner, axis.Outputs * inner);
            for (int j = 0; j < axis.Outputs; j++) source.Slice(axis.Index[j] * inner, inner).CopyTo(target[(j * inner)..]);
        }
    }

    /// <summary>Writes <paramref name="value"/> to every element that lies outside along an axis.</summary>
    public static void FillOutside<T>(Span<T> y, ReadOnlySpan<int> dims, ResampledAxis[] axes, T value)
    {
        for (int d = 0; d < axes.Length; d++)
        {
            if (axes[d].Outside is not { } outside) continue;
            int inner = NdArray.Count(dims[(d + 1)..]), rows = inner == 0 ? 0 : y.Length / inner;
            for (int r = 0; r < rows; r++)
                if (outside[r % dims[d]]) y.Slice(r * inner, inner).Fill(value);
        }
    }

    private static void Line(ReadOnlySpan<float> source, Span<float> target, ResampledAxis axis)
    {
        int[] index = axis.Index;
        float[] weight = axis.Weight;
        if (axis.Width == 1)
        {
            for (int j = 0; j < target.Length; j++) target[j] = weight[j] * source[index[j]];
            return;
        }
        if (axis.Width == 2)
        {
            for (int j = 0; j < target.Length; j++) target[j] = weight[2 * j] * source[index[2 * j]] + weight[2 * j + 1] * source[index[2 * j + 1]];
            return;
        }
        for (int j = 0, t = 0; j < target.Length; j++)
        {
            float sum = 0;
            for (int end = t + axis.Width; t < end; t++) sum += weight[t] * source[index[t]];
            target[j] = sum;
        }
    }

    private static void Rows(ReadOnlySpan<float> source, Span<float> target, int inner, ResampledAxis axis)
    {
        for (int j = 0, t = 0; j < axis.Outputs; j++)
        {
            Span<float> row = target.Slice(j * inner, inner);
            TensorPrimitives.Multiply(source.Slice(axis.Index[t] * inner, inner), axis.Weight[t], row);
            int end = t + axis.Width;
            for (t++; t < end; t++)
                if (axis.Weight[t] != 0) TensorPrimitives.MultiplyAdd(source.Slice(axis.Index[t] * inner, inner), axis.Weight[t], row, row);
        }
    }
}
