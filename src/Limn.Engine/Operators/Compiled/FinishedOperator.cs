using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.Engine.Operators.Compiled;

/// <summary>A step that can take over what comes after it. Inputs: its own, then the residual and the gate as far as there are such.</summary>
/// <param name="name">For profiles.</param>
/// <param name="ownInputs">How many inputs are its own.</param>
internal abstract class FinishedOperator(string name, int ownInputs) : CompiledOperator(name)
{
    public Finishing Finishing { get; init; } = Finishing.None;

    /// <summary>The same step with other things to do after it.</summary>
    public abstract FinishedOperator With(string name, Finishing finishing);

    /// <summary>Residual and gate are read where the result is written.</summary>
    public override bool MayOverwrite(int input) => input >= ownInputs;

    public sealed override unsafe void Execute(KernelContext context)
    {
        int next = ownInputs;
        fixed (float* y = context.OutputFloats(), bias = Finishing.Bias,
            residual = Finishing.Residual ? context.Floats(next++) : [], gate = Finishing.Gate is null ? [] : context.Floats(next))
        {
            var epilogue = new Epilogue
            {
                Bias = bias, Residual = residual, Activation = Finishing.Activation, Low = Finishing.Low, High = Finishing.High, Gate = gate,
                GateLow = Finishing.Gate?.Low ?? 0, GateHigh = Finishing.Gate?.High ?? 0,
            };
            Run(context, epilogue, y);
        }
    }

    protected abstract unsafe void Run(KernelContext context, in Epilogue epilogue, float* y);
}

/// <summary>
/// A linear map with weights that were packed when the plan was made: a convolution of tensors [N, H, W, C], its gradient with respect to the input, or a product
/// with a matrix.
/// </summary>
internal sealed class PackedLinear(string name, LinearKernel kernel) : FinishedOperator(name, ownInputs: 1)
{
    /// <summary>Multiply-adds of the map as it is defined.</summary>
    public long Work => kernel.Work;

    public long WeightLength => kernel.WeightLength;

    /// <summary>The channels that are read, where they are some of the input's; null for all.</summary>
    public ChannelSlice? From { get; init; }

    /// <summary>The channels that are written, where they are some of the output's; null for all.</summary>
    public ChannelSlice? To { get; init; }

    /// <summary>Whether <see cref="From"/> may be set.</summary>
    public bool ReadsSlices => kernel.ReadsSlices && From is null;

    /// <summary>Whether <see cref="To"/> may be set: residual and gate are laid out as the result, and whole.</summary>
    public bool WritesSlices => kernel.WritesSlices && To is null && !Finishing.Residual && Finishing.Gate is null;

    public override FinishedOperator With(string name, Finishing finishing) => new PackedLinear(name, kernel) { Finishing = finishing, From = From, To = To };

    public PackedLinear Reading(ChannelSlice from) => new(Name, kernel) { Finishing = Finishing, From = from, To = To };

    public PackedLinear Writing(ChannelSlice to) => new(Name, kernel) { Finishing = Finishing, From = From, To = to };

    protected override unsafe void Run(KernelContext context, in Epilogue epilogue, float* y)
    {
        ChannelSlice from = From ?? default, to = To ?? default;
        fixed (float* x = context.Floats(0)) kernel.Run(x + from.First, from.Of, epilogue, y + to.First, to.Of, context.Workers);
    }
}
