using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Engine.Graphs;

namespace Limn.Models;

/// <summary>How the elements of a value become one number a row.</summary>
public enum Reduction
{
    Sum,
    Mean,
}

/// <summary>On which scale a class is explained.</summary>
public enum OutputScale
{
    /// <summary>The model's output as the file has it.</summary>
    AsIs,

    /// <summary>Before a final Softmax, LogSoftmax or Sigmoid.</summary>
    Logit,

    /// <summary>After a Softmax (or, for one output, a Sigmoid), which is added if the model does not end in one.</summary>
    Probability,
}

/// <summary>
/// What is explained: one number for each row of the batch. Classes count along axis 1 of the output; where an output has further
/// axes (a map of scores), the class's elements are summed.
/// </summary>
public abstract record Target
{
    /// <summary>The class with the largest score in each row, at the input that is explained (the first of several). For a single output, that output.</summary>
    public static Target Predicted { get; } = new PredictedTarget();

    /// <summary>The sum of all elements of the first output.</summary>
    public static Target Outputs { get; } = new SumTarget(From: null, Mask: null);

    /// <summary>The scale; <see cref="OutputScale.AsIs"/> unless <see cref="Logit"/> or <see cref="Probability"/> was asked for.</summary>
    public OutputScale Scale { get; init; }

    /// <summary>The same target, before the final Softmax, LogSoftmax or Sigmoid. A saturated probability has no gradient; its logit has.</summary>
    public Target Logit => this with { Scale = OutputScale.Logit };

    /// <summary>The same target as a probability.</summary>
    public Target Probability => this with { Scale = OutputScale.Probability };

    /// <summary>One class for all rows, or one for each.</summary>
    public static Target Class(params int[] classes) => new ClassTarget(From: null, classes);

    /// <summary>Element <paramref name="index"/> of the output of this name.</summary>
    public static Target Output(string name, int index) => new ClassTarget(name, [index]);

    /// <summary>One element of a layer, by its index without the batch: (channel, row, column).</summary>
    public static Target Neuron(string layer, params int[] index) => new NeuronTarget(layer, index);

    /// <summary>All elements of a layer.</summary>
    public static Target Layer(string layer, Reduction reduction = Reduction.Sum) => new LayerTarget(layer, reduction);

    /// <summary>The sum of the first output's elements, weighted by a mask of one row's shape (segmentation).</summary>
    public static Target Sum(Tensor<float> mask) => new SumTarget(From: null, NdArray.From(mask));

    /// <summary>Class <paramref name="a"/> minus class <paramref name="b"/>.</summary>
    public static Target Margin(int a, int b) => new MarginTarget(a, b);

    /// <summary>One class of the first output within a mask of its positions (segmentation): Σ mask · output[class].</summary>
    /// <param name="mask">The weight of each position, in the shape of one row of the output without its classes, or of all rows.</param>
    /// <param name="classIndex">The class.</param>
    public static Target Sum(Tensor<float> mask, int classIndex) => new SumTarget(From: null, NdArray.From(mask)) { OfClass = classIndex };

    /// <summary>The score of the detector's box that overlaps most (intersection over union) with a given one.</summary>
    /// <remarks>
    /// The class is decided once, at the clean input, where none is given: the label of the box found there, or its class with the largest score. Methods that look
    /// inside the network explain the score of the box found at the clean input; methods that only predict match again on every changed input, where a
    /// box may have moved or gone (score 0). A box within 0 and 1 is a share of the picture, any other is in pixels, whatever the detector's units.
    /// Petsiuk et al.: Black-box Explanation of Object Detectors via Saliency Maps (D-RISE), CVPR 2021, section 3.2, for the matching by overlap.
    /// </remarks>
    /// <param name="box">Left, top, right, bottom.</param>
    /// <param name="classIndex">The class; that of the box found when null.</param>
    /// <param name="outputs">Where the detector keeps its boxes; found from the outputs' names, types and shapes when null.</param>
    public static Target Box(Box box, int? classIndex = null, BoxOutputs? outputs = null) => new BoxTarget([box], classIndex, outputs ?? new BoxOutputs());

    /// <summary>As <see cref="Box"/>, with a box for each row.</summary>
    public static Target Boxes(IReadOnlyList<Box> boxes, int? classIndex = null, BoxOutputs? outputs = null) => new BoxTarget([.. boxes], classIndex, outputs ?? new BoxOutputs());

    /// <summary>Any expression of the graph's values, built with the graph's operators; one number a row.</summary>
    /// <param name="expression">Given the builder and the graph's outputs, returns a value of shape [rows].</param>
    public static Target Of(Func<GraphBuilder, IReadOnlyList<Value>, Value> expression) => new ExpressionTarget(expression);

    /// <summary>The words that a report uses.</summary>
    public abstract string Describe();
}

internal sealed record ClassTarget(string? From, int[] Classes) : Target
{
    public override string Describe() => (From is null ? "" : From + ":") + string.Join(',', Classes);
}

internal sealed record PredictedTarget : Target
{
    public override string Describe() => "predicted";
}

internal sealed record SumTarget(string? From, NdArray? Mask) : Target
{
    public int? OfClass { get; init; }

    public override string Describe() => Mask is null ? "sum" : OfClass is { } k ? $"sum of class {k} over a mask" : "sum over a mask";
}

internal sealed record BoxTarget(Box[] Wanted, int? OfClass, BoxOutputs Where) : Target
{
    public override string Describe() => $"{(Wanted is [var only] ? $"box {only}" : "boxes")}{(OfClass is { } k ? $" of class {k}" : "")}";
}

internal sealed record MarginTarget(int A, int B) : Target
{
    public override string Describe() => $"{A} minus {B}";
}

internal sealed record NeuronTarget(string In, int[] Index) : Target
{
    public override string Describe() => $"{In}:{string.Join(',', Index)}";
}

internal sealed record LayerTarget(string In, Reduction Reduction) : Target
{
    public override string Describe() => $"{Reduction.ToString().ToLowerInvariant()} of {In}";
}

internal sealed record ExpressionTarget(Func<GraphBuilder, IReadOnlyList<Value>, Value> Expression) : Target
{
    public override string Describe() => "expression";
}
