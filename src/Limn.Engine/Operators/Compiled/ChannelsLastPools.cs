using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.Engine.Operators.Compiled;

/// <summary>The maximum of each window of a tensor [N, H, W, C].</summary>
internal sealed class ChannelsLastMaxPool(PooledShape shape) : CompiledOperator("MaxPool")
{
    public override unsafe void Execute(KernelContext context)
    {
        fixed (float* x = context.Floats(0), y = context.OutputFloats()) ChannelsLastPooling.Max(shape, x, y, context.Workers);
    }
}

/// <summary>The mean of each window of a tensor [N, H, W, C].</summary>
internal sealed class ChannelsLastAveragePool(PooledShape shape, bool countIncludePad) : CompiledOperator("AveragePool")
{
    public override unsafe void Execute(KernelContext context)
    {
        fixed (float* x = context.Floats(0), y = context.OutputFloats()) ChannelsLastPooling.Average(shape, countIncludePad, x, y, context.Workers);
    }
}

/// <summary>The mean of each channel of a tensor [N, H, W, C].</summary>
internal sealed class ChannelsLastGlobalAveragePool() : CompiledOperator("GlobalAveragePool")
{
    public override unsafe void Execute(KernelContext context)
    {
        ReadOnlySpan<int> dims = context.Dims(0);
        fixed (float* x = context.Floats(0), y = context.OutputFloats()) ChannelsLastPooling.GlobalAverage(dims[0], dims[1] * dims[2], dims[3], x, y, context.Workers);
    }
}

/// <summary>The gradient of a max-pooling. Inputs: what it pooled, its result, and what arrives there.</summary>
internal sealed class ChannelsLastMaxPoolGradient(string name, PooledShape shape) : FinishedOperator(name, ownInputs: 3)
{
    public override FinishedOperator With(string name, Finishing finishing) => new ChannelsLastMaxPoolGradient(name, shape) { Finishing = finishing };

    /// <summary>Sums are made in the result's own memory.</summary>
    public override bool MayOverwrite(int input) => false;

    protected override unsafe void Run(KernelContext context, in Epilogue epilogue, float* y)
    {
        fixed (float* x = context.Floats(0), pooled = context.Floats(1), arriving = context.Floats(2))
            ChannelsLastPooling.MaxGradient(shape, x, pooled, arriving, epilogue, y, context.Workers);
    }
}

/// <summary>The gradient of an average pooling, from what arrives.</summary>
internal sealed class ChannelsLastAveragePoolGradient(string name, PooledShape shape, bool countIncludePad) : FinishedOperator(name, ownInputs: 1)
{
    public override FinishedOperator With(string name, Finishing finishing) => new ChannelsLastAveragePoolGradient(name, shape, countIncludePad) { Finishing = finishing };

    protected override unsafe void Run(KernelContext context, in Epilogue epilogue, float* y)
    {
        fixed (float* arriving = context.Floats(0)) ChannelsLastPooling.AverageGradient(shape, countIncludePad, arriving, epilogue, y, context.Workers);
    }
}
