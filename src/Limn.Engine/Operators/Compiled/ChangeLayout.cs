using Limn.Engine.Kernels;

namespace Limn.Engine.Operators.Compiled;

/// <summary>A tensor [N, C, H, W] as [N, H, W, C], or back. Where one of C and H·W is 1 the plan makes it a view, and nothing moves.</summary>
internal sealed class ChangeLayout(bool toChannelsLast) : CompiledOperator(toChannelsLast ? "ToChannelsLast" : "ToChannelsFirst")
{
    private static readonly int[] ToLast = [0, 2, 3, 1], ToFirst = [0, 3, 1, 2];

    private int[] Permutation => toChannelsLast ? ToLast : ToFirst;

    /// <summary>A constant in the other layout.</summary>
    public static NdArray Apply(NdArray x, int[] dims, bool toChannelsLast)
    {
        var op = new ChangeLayout(toChannelsLast);
        NdArray shaped = x.Reshape(dims), y = NdArray.Create(x.Type, Kernels.Transpose.PermutedDims(dims, op.Permutation));
        op.Move(shaped, y, Workers.Single);
        return y;
    }

    public override void Execute(KernelContext context) => Move(context.Input(0), context.Output(0), context.Workers);

    private void Move(NdArray x, NdArray y, Workers workers)
    {
        switch (x.Type.Storage())
        {
            case Storage.Float: Move(x.Floats, x.Dims, y.Floats, workers); break;
            case Storage.Integer: Kernels.Transpose.Apply<long>(x.Integers, x.Dims, Permutation, y.Integers, workers); break;
            default: Kernels.Transpose.Apply<bool>(x.Booleans, x.Dims, Permutation, y.Booleans, workers); break;
        }
    }

    private unsafe void Move(ReadOnlySpan<float> x, ReadOnlySpan<int> dims, Span<float> y, Workers workers)
    {
        fixed (float* from = x, to = y)
        {
            if (toChannelsLast) Kernels.ChannelsLast.LayoutChange.ToChannelsLast(dims[0], dims[1], dims[2] * dims[3], from, to, workers);
            else Kernels.ChannelsLast.LayoutChange.ToChannelsFirst(dims[0], dims[3], dims[1] * dims[2], from, to, workers);
        }
    }
}
