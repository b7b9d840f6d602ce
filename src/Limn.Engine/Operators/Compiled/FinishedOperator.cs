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
    public override FinishedOperator With(string name, Finishing finishing) => new PackedLinear(name, kernel) { Finishing = finishing };

    protected override unsafe void Run(KernelContext context, in Epilogue epilogue, float* y)
    {
        fixed (float* x = context.Floats(0)) kernel.Run(x, epilogue, y, context.Workers);
    }
}
