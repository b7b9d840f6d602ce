using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.Engine.Operators.Compiled;

using Activation = Kernels.ChannelsLast.Activation;

/// <summary>
/// A linear map with weights that were packed when the plan was made: a convolution of tensors [N, H, W, C], its gradient with respect to the input, or a product
/// with a matrix; and what is done to its result before it is stored. Inputs: x, then the residual and the gate as far as there are such.
/// </summary>
internal sealed class PackedLinear(string name, LinearKernel kernel) : CompiledOperator(name)
{
    public LinearKernel Kernel { get; } = kernel;

    public float[]? Bias { get; init; }

    public bool HasResidual { get; init; }

    public Activation Last { get; init; }

    public float Low { get; init; }

    public float High { get; init; }

    /// <summary>The interval in which the gate lets pass; null for no gate.</summary>
    public (float Low, float High)? GateRange { get; init; }

    public bool TakesBias => Bias is null && TakesResidual;

    /// <summary>What residual and gate may still be added to: nothing comes after a gate, and nothing but a gate after an activation.</summary>
    public bool TakesResidual => !HasResidual && Last == Activation.None && GateRange is null;

    public bool TakesActivation => Last == Activation.None && GateRange is null;

    public bool TakesGate => GateRange is null;

    /// <summary>The same with more to do after it.</summary>
    public PackedLinear With(string also, float[]? bias = null, bool residual = false, Activation activation = Activation.None, float low = 0, float high = 0, (float, float)? gate = null) =>
        new($"{Name}+{also}", Kernel)
        {
            Bias = bias ?? Bias, HasResidual = HasResidual || residual, GateRange = gate ?? GateRange,
            Last = activation == Activation.None ? Last : activation,
            Low = activation == Activation.None ? Low : low, High = activation == Activation.None ? High : high,
        };

    /// <summary>Residual and gate are read where the result is written.</summary>
    public override bool MayOverwrite(int input) => input > 0;

    public override unsafe void Execute(KernelContext context)
    {
        int next = 1;
        fixed (float* x = context.Floats(0), y = context.OutputFloats(), bias = Bias,
            residual = HasResidual ? context.Floats(next++) : [], gate = GateRange is null ? [] : context.Floats(next))
        {
            var epilogue = new Epilogue
            {
                Bias = bias, Residual = residual, Activation = Last, Low = Low, High = High, Gate = gate,
                GateLow = GateRange?.Low ?? 0, GateHigh = GateRange?.High ?? 0,
            };
            Kernel.Run(x, epilogue, y, context.Workers);
        }
    }
}
