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
    /// <summary>y[o, j, i] = Σ weight · x[o, index, i].</summary>
    public static void Forward(ReadOnlyMemory<float> x, Memory<float> y, int outer, int inner, ResampledAxis axis, Workers workers)
    {
        workers.Ranges(outer, Chunks.Items(Chunks.Cheap, (long)axis.Outputs * inner * axis.Width), (first, last) =>
        {
            for (int o = first; o < last; o++)
            {
                ReadOnlySpan<float> source = x.Span.Slice(o * axis.Inputs * inner, axis.Inputs * inner);
                Span<float> target = y.Span.Slice(o * axis.Outputs * inner, axis.Outputs * inner);
                if (inner == 1) Line(source, target, axis);
                else Rows(source, target, inner, axis);
            }
        });
    }

    /// <summary>The adjoint: x[o, index, i] = Σ weight · y[o, j, i].</summary>
    public static void Backward(ReadOnlyMemory<float> y, Memory<float> x, int outer, int inner, ResampledAxis axis, Workers workers)
    {
        workers.Ranges(outer, Chunks.Items(Chunks.Cheap, (long)axis.Outputs * inner * axis.Width), (first, last) =>
        {
            for (int o = first; o < last; o++)
            {
                ReadOnlySpan<float> source = y.Span.Slice(o * axis.Outputs * inner, axis.Outputs * inner);
                Span<float> target = x.Span.Slice(o * axis.Inputs * inner, axis.Inputs * inner);
                target.Clear();
                for (int t = 0; t < axis.Index.Length; t++)
                {
                    int j = t / axis.Width;
                    if (inner == 1) target[axis.Index[t]] += axis.Weight[t] * source[j];
                    else if (axis.Weight[t] != 0)
                    {
                        Span<float> row = target.Slice(axis.Index[t] * inner, inner);
                        TensorPrimitives.MultiplyAdd(source.Slice(j * inner, inner), axis.Weight[t], row, row);
                    }
                }
            }
        });
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
