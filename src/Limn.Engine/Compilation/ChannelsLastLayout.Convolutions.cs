using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;
using Limn.Engine.Operators;
using Limn.Engine.Operators.Compiled;

namespace Limn.Engine.Compilation;

internal sealed partial class ChannelsLastLayout
{
    private bool RewriteConvolution(PlanStep step)
    {
        if (Work(list, step) == 0 || !IsImage(step.Inputs[0]) || !IsImage(step.Outputs[0])) return false;
        return step.Operator is ConvolutionInputGradient gradient ? RewriteInputGradient(step, gradient) : RewriteForward(step);
    }

    private bool RewriteForward(PlanStep step)
    {
        var norm = step.Operator as NormalizedConvolution;
        Conv conv = norm?.Convolution ?? (Conv)step.Operator;
        if (step.Inputs.Skip(1).Any(i => i >= 0 && Slots[i].Constant is null)) return false;
        NdArray w = Slots[step.Inputs[1]].Constant!;
        int[] x = Slots[step.Inputs[0]].Dims!, y = Slots[step.Outputs[0]].Dims!;
        ConvolutionShape shape = ConvolutionOperators.Plan(conv.Group, x, y, conv.Window.Axes(x.AsSpan(2), y.AsSpan(2), w.Dims[2..]));
        float[]? bias = step.Inputs.Length > 2 && step.Inputs[2] >= 0 ? Slots[step.Inputs[2]].Constant!.Floats.ToArray() : null;
        double[]? scale = null;
        if (norm is not null) (scale, bias) = norm.Factors([.. step.Inputs.Skip(3).Select(i => Slots[i].Constant!)], bias);
        Emit(step, LinearKernel.Forward(shape, w, scale, decisive.Contains(step.Outputs[0])), bias, step.Inputs[0]);
        return true;
    }

    /// <summary>A factor for each channel of what arrives, which a batch normalisation leaves behind, becomes part of the weights.</summary>
    private bool RewriteInputGradient(PlanStep step, ConvolutionInputGradient gradient)
    {
        NdArray w = Slots[step.Inputs[1]].Constant!;
        int arriving = step.Inputs[0];
        int[] x = Slots[step.Outputs[0]].Dims!, y = Slots[arriving].Dims!;
        ConvolutionShape shape = ConvolutionOperators.Plan(gradient.Group, x, y, gradient.Window.Axes(x.AsSpan(2), y.AsSpan(2), w.Dims[2..]));
        double[]? scale = null;
        if (producers[arriving] >= 0 && list.Steps[producers[arriving]] is { Operator: Mul, Dynamic: false } mul && IsImage(mul.Inputs[0])
            && Slots[mul.Inputs[0]].Dims.AsSpan().SequenceEqual(y) && Slots[mul.Inputs[1]].Constant is { } factor && factor.Length == y[1]
            && factor.Dims is [_, 1, 1] or [1, _, 1, 1] && factor.Type.IsFloating())
        {
            arriving = mul.Inputs[0];
            scale = Array.ConvertAll(factor.Floats.ToArray(), f => (double)f);
        }
        Emit(step, LinearKernel.InputGradient(shape, w, scale), null, arriving);
        return true;
    }

    private void Emit(PlanStep step, LinearKernel kernel, float[]? bias, int input)
    {
        int from = Twin(input);
        steps.Add(new PlanStep(step.Name, new PackedLinear(step.Operator.Name, kernel) { Finishing = new Finishing { Bias = bias } }, [from], [NewResult(step.Outputs[0])], dynamic: false));
    }
}
