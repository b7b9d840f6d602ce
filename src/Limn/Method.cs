using System.Numerics.Tensors;
using Limn.Compilation;
using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Models;

namespace Limn;

/// <summary>What a method computes; the base class adds the rest of the <see cref="Attribution"/>.</summary>
/// <param name="Values">The attributions of each place.</param>
/// <param name="Prediction">The score of each row.</param>
/// <param name="BaselinePrediction">The score at the baseline, where there is one.</param>
/// <param name="Delta">Σ attributions − change of the score that they should add up to, where the method promises that.</param>
/// <param name="StandardError">The Monte-Carlo standard error of each value, for sampled methods.</param>
public sealed record MethodResult(IReadOnlyList<NdArray> Values, double[] Prediction, double[]? BaselinePrediction = null, double[]? Delta = null,
    IReadOnlyList<NdArray>? StandardError = null)
{
    /// <summary>The names of the explained tensors, where they are others than the places.</summary>
    public IReadOnlyList<string>? Names { get; init; }

    /// <summary>Where relevance went, for methods that propagate it and checked.</summary>
    public IReadOnlyList<Propagation.Conservation>? Conservation { get; init; }

    /// <summary>The players of each row and what each got, for methods that play a game.</summary>
    public IReadOnlyList<Games.PlayerValues>? Players { get; init; }

    /// <summary>Whether <see cref="BaselinePrediction"/> is the expected value from which the attributions lead to the score.</summary>
    public bool ExpectedValue { get; init; }

    /// <summary>What the method itself has to say about its result; one sentence each.</summary>
    public IReadOnlyList<string> Remarks { get; init; } = [];

    /// <summary>What to do, in a sentence, when the delta is large; the options that make it smaller when null.</summary>
    public string? Remedy { get; init; }
}

/// <summary>An explanation method. A method is a class named as in its paper, with its options as properties.</summary>
public abstract class Method
{
    private protected Method(IPredictor model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Model = model;
    }

    public IPredictor Model { get; }

    /// <summary>The name on the command line.</summary>
    public string Name => MethodRegistry.Of(GetType()).Name;

    /// <summary>Whether the places are layers or inputs of a network (true), or the inputs of any model (false).</summary>
    internal virtual bool LooksInside => true;

    /// <summary>Whether a layer can be explained.</summary>
    internal virtual bool TakesLayers => LooksInside;

    /// <summary>Whether the method needs the gradient at the places, so that what cuts it is worth a remark.</summary>
    internal virtual bool TakesGradients => LooksInside;

    /// <summary>Whether the method takes the gradient of the rows as they are, once, so that the first forward pass can serve it.</summary>
    internal virtual bool TakesOneGradient => false;

    /// <summary>The rulebook of that gradient; null for calculus.</summary>
    internal virtual Rulebook? GradientRules => null;

    /// <summary>The layer that is explained when the user names none; null for the inputs.</summary>
    internal virtual Value? DefaultLayer(TargetSource source) => null;

    /// <summary>Whether it explains a layer, and never the inputs.</summary>
    internal virtual bool NeedsLayer => false;

    /// <summary>What is explained where the user asks for <paramref name="given"/>.</summary>
    internal virtual Target TargetFor(Target given, ExplainOptions options) => given;

    /// <summary>Explains one input tensor [rows, ...].</summary>
    /// <param name="input">The rows to explain.</param>
    /// <param name="target">What to explain; the predicted class when null.</param>
    /// <param name="options">Where, with which seed, and so on.</param>
    public Attribution Explain(Tensor<float> input, Target? target = null, ExplainOptions? options = null) =>
        Explain([NdArray.From(input)], target, options);

    /// <summary>Explains rows of a model of one or several inputs of any element type.</summary>
    /// <exception cref="InvalidDataException">An input holds NaN or infinity.</exception>
    /// <exception cref="ShapeMismatchException">An input does not fit the model.</exception>
    /// <exception cref="InvalidTargetException">The target does not exist.</exception>
    /// <exception cref="NotDifferentiableException">No gradient leads from the target to the place.</exception>
    public Attribution Explain(IReadOnlyList<NdArray> inputs, Target? target = null, ExplainOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        options ??= new ExplainOptions();
        target = TargetFor(target ?? Target.Predicted, options);
        Validation.Inputs(Model, inputs);
        var log = new RunLog(options);
        Question question = Asking.Of(this, inputs, target, options, log);
        MethodResult result = Compute(question);
        return Diagnosis.Complete(this, question, result, target, options) with
        {
            ModelCalls = log.Calls,
            Elapsed = System.Diagnostics.Stopwatch.GetElapsedTime(started),
        };
    }

    /// <summary>The whole explanation as a graph of the model's inputs, which can be run anywhere, or saved as a file of standard ONNX operators (<see cref="Engine.Onnx.OnnxWriter"/>).</summary>
    /// <param name="target">What to explain; the predicted class of each row when null.</param>
    /// <param name="options">Where (<see cref="ExplainOptions.At"/>); the rest has no bearing.</param>
    /// <returns>
    /// A graph with the model's inputs and the outputs <c>prediction</c> [rows], <c>attribution</c> (<c>attribution.NAME</c> for each of several inputs) and,
    /// for methods that promise a sum, <c>delta</c> [rows]: what <see cref="Explain(IReadOnlyList{NdArray}, Target?, ExplainOptions?)"/> computes, in single precision.
    /// </returns>
    /// <exception cref="InvalidOptionException">The method, or one of its options, has no form as a graph; the message says why.</exception>
    /// <exception cref="LimnException">The model is no <see cref="OnnxModel"/>, or leaves sizes open that must be known.</exception>
    public Graph Compile(Target? target = null, ExplainOptions? options = null) => MethodCompiler.Compile(this, target ?? Target.Predicted, options ?? new ExplainOptions());

    /// <summary>The method itself.</summary>
    protected internal abstract MethodResult Compute(Question question);

    /// <summary>Why the method, with its options, cannot be written as a graph, in a sentence; null where it can.</summary>
    internal virtual string? NotInGraph => null;

    /// <summary>The method itself, as nodes of a graph.</summary>
    internal virtual GraphResult InGraph(ExplanationGraph question) => throw new InvalidOptionException($"The method '{Name}' cannot be compiled: it has not been written as a graph.");
}

/// <summary>A method that propagates backwards through a network.</summary>
public abstract class GradientMethod(OnnxModel model) : Method(model);

/// <summary>A method that changes inputs and watches the score; it needs nothing but predictions.</summary>
public abstract class PerturbationMethod(IPredictor model) : Method(model)
{
    internal override bool LooksInside => false;
}
