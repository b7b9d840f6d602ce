using Limn.Engine;
using Limn.Gradients;
using Limn.Models;

namespace Limn.Tests.AxiomTable;

/// <summary>The attributions of one row.</summary>
/// <param name="Values">φ.</param>
/// <param name="Errors">The standard error of each; zeros for methods without sampling.</param>
/// <param name="Change">F(x) − F(b).</param>
internal sealed record Explained(double[] Values, double[] Errors, double Change)
{
    /// <summary>The largest |φ|, and a little.</summary>
    public double Size => Values.Max(Math.Abs) + 1e-6;
}

/// <summary>A method of the registry, made with its default options and asked about one row.</summary>
internal sealed class Explainer(MethodDescription method)
{
    public bool ExplainsLayer { get; } = method.NeedsLayer;

    /// <summary>Explains the only output at one row, from a baseline of a constant if the method takes one.</summary>
    public Explained Of(OnnxModel model, NdArray x, float baseline)
    {
        Method explaining = MethodRegistry.Create(method.Name, model, Limit(), method.TakesBaseline ? new MethodData { Baseline = Baseline.Value(baseline) } : null);
        Attribution a = explaining.Explain([x], options: new ExplainOptions { At = ExplainsLayer ? "features" : null });
        NdArray absent = NdArray.Create(ElementType.Float, x.Dims.ToArray());
        absent.Floats.Fill(method.TakesBaseline ? baseline : 0);
        // A method whose baseline is not a constant (a blur) says itself what the score is there.
        double start = !method.TakesBaseline && a.BaselinePrediction is { } own ? own[0] : model.Predict([absent])[0].Floats[0];
        double[] values = Array.ConvertAll(Numbers.Of(a.Values), v => (double)v);
        double[] errors = a.Tensors[0].StandardError is { } e ? Array.ConvertAll(Numbers.Of(e), v => double.IsNaN(v) ? 0.0 : v) : new double[values.Length]; // of a single background row none is known
        return new Explained(values, errors, a.Prediction[0] - start);
    }

    /// <summary>Methods that approximate what they promise: enough steps to be near the limit.</summary>
    private Dictionary<string, string>? Limit() => method.Name switch
    {
        "guided-ig" => new() { ["steps"] = "1000" },
        // What a game keeps to it keeps to for its players; here each element is one, also of a larger picture.
        _ when typeof(Limn.Games.GameMethod).IsAssignableFrom(method.Type) => new() { ["features"] = "elements" },
        _ => null,
    };
}
