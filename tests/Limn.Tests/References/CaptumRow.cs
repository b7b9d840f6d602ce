using Limn.Engine;
using Limn.Models;

namespace Limn.Tests.References;

/// <summary>A row of the table of numbers that Captum's own tests expect.</summary>
/// <param name="Number">Its number in the table.</param>
/// <param name="Expected">What Captum expects: an array for each explained tensor, of all rows one after another.</param>
internal abstract record CaptumRow(int Number, double[][] Expected)
{
    /// <summary>The largest difference, in units of max(1, |expected|).</summary>
    public double Tolerance { get; init; } = 1e-4;

    /// <summary>Why the number differs here; null where it agrees.</summary>
    public string? Differs { get; init; }

    /// <summary>What is computed here instead, where it differs; empty if the question is refused.</summary>
    public double[][] Ours { get; init; } = [];

    /// <summary>A part of the message with which the question is refused here; null if it is answered.</summary>
    public string? Refused { get; init; }

    /// <summary>The name of the method, for the test's own name.</summary>
    public abstract string Method { get; }

    public abstract IReadOnlyList<float[]> Compute();
}

/// <summary>A row that explains a model.</summary>
/// <param name="Number">Its number in the table.</param>
/// <param name="Model">One of Captum's test networks.</param>
/// <param name="Make">The method with its options, around the model.</param>
/// <param name="Inputs">The rows to explain, an array for each input of the model.</param>
/// <param name="Expected">An array for each explained input, or for each of <see cref="At"/>.</param>
internal sealed record ExplainedRow(int Number, OnnxModel Model, Func<OnnxModel, Method> Make, NdArray[] Inputs, double[][] Expected) : CaptumRow(Number, Expected)
{
    public Target? Target { get; init; } = Target.Class(0);

    /// <summary>The layers that are explained, one after another; null for the inputs.</summary>
    public string?[] At { get; init; } = [null];

    /// <summary>The convergence delta of every row, where the row states one.</summary>
    public double? Delta { get; init; }

    public override string Method => Make(Model).Name;

    public override IReadOnlyList<float[]> Compute() => [.. At.SelectMany(Explain)];

    private IEnumerable<float[]> Explain(string? at)
    {
        Attribution a = Make(Model).Explain(Inputs, Target, new ExplainOptions { At = at });
        if (Delta is { } delta) Assert.All(a.ConvergenceDelta!, d => Assert.Equal(delta, d, Tolerance));
        return a.Tensors.Select(t => Numbers.Of(t.Values));
    }
}

/// <summary>A row about the nodes and weights of a quadrature.</summary>
internal sealed record QuadratureRow(int Number, Limn.Gradients.Quadrature Rule, int Steps, double[][] Expected) : CaptumRow(Number, Expected)
{
    public override string Method => "quadrature";

    public override IReadOnlyList<float[]> Compute()
    {
        var (nodes, weights) = Limn.Gradients.QuadratureNodes.Of(Rule, Steps);
        return [Array.ConvertAll(weights, w => (float)w), Array.ConvertAll(nodes, n => (float)n)];
    }
}
