using System.Diagnostics;
using Limn.ClassActivation;
using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;

namespace Limn.Benchmarks;

/// <summary>How long propagation methods take, as multiples of one forward and one backward pass of the engine alone.</summary>
/// <remarks>All are run in turn, again and again, and the medians compared, so that what else the machine does falls on all alike.</remarks>
internal static class PropagationCost
{
    /// <param name="Name">The method.</param>
    /// <param name="Run">Explains the rows once.</param>
    /// <param name="Bar">The most that it may cost, as a multiple; null where there is no bar.</param>
    /// <param name="ToLayer">Whether the multiple is of the pass back to the layer, and not to the input.</param>
    private sealed record Contender(string Name, Action Run, double? Bar, bool ToLayer = false);

    public static void Print(string path, int rows, int threads, int repeat)
    {
        OnnxModel model = OnnxModel.Load(path, threads);
        Value input = model.Graph.Inputs[0], output = model.Graph.Outputs[0];
        NdArray x = NdArray.Create(ElementType.Float, [rows, .. input.Shape!.Skip(1).Select(d => d.Value)]);
        new CounterRandom(1).FillNormal(x.Floats);
        if (model.FixedRows is { } only && only != rows)
        {
            Console.WriteLine($"| {Path.GetFileName(path)} | {rows} | {threads} | its batch is fixed to {only} |");
            return;
        }
        Value layer = model.Graph.Nodes.Last(n => n.Operator is Conv).Outputs[0];
        Attribution cam = new GradCam(model).Explain([x]);
        if (cam.At is { } chosen) layer = model.Layers.Find(chosen);

        Contender forward = new("forward", Forward(model, x, output), null);
        Contender backward = new("backward", Backward(model, x, output, input, threads), null);
        Contender toLayer = new("to the layer", Backward(model, x, output, layer, threads), null);
        Contender[] methods =
        [
            new("saliency", () => new Saliency(model).Explain([x]), null),
            new("guided-backprop", () => new GuidedBackprop(model).Explain([x]), null),
            new("deep-lift", () => new DeepLift(model).Explain([x]), 3),
            new("lrp", () => new Lrp(model).Explain([x]), 3),
            new("lrp, epsilon-plus", () => new Lrp(model) { Composite = LrpComposite.EpsilonPlus }.Explain([x]), 3),
            new("grad-cam", () => new GradCam(model).Explain([x]), 1.2, ToLayer: true),
        ];
        Contender[] all = [forward, backward, toLayer, .. methods];
        double[][] times = [.. all.Select(_ => new double[repeat])];
        foreach (Contender c in all)
            for (int i = 0; i < 3; i++) c.Run(); // plans are compiled, code is warm
        for (int r = 0; r < repeat; r++)
            for (int k = 0; k < all.Length; k++)
            {
                int turn = (k + r) % all.Length; // in another order each time
                long started = Stopwatch.GetTimestamp();
                all[turn].Run();
                times[turn][r] = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            }

        double[] medians = Array.ConvertAll(times, Median);
        for (int k = 3; k < all.Length; k++)
        {
            double ratio = medians[k] / medians[all[k].ToLayer ? 2 : 1];
            Console.WriteLine($"| {Path.GetFileName(path)} | {rows} | {threads} | {medians[0]:F2} | {medians[1]:F2} | {medians[2]:F2} | {all[k].Name} | {medians[k]:F2} | {ratio:F2} | {all[k].Bar} | {(all[k].Bar is not { } bar ? "" : ratio <= bar ? "met" : "MISSED")} |");
        }
    }

    private static Action Forward(OnnxModel model, NdArray x, Value output)
    {
        Dictionary<Value, NdArray> feeds = new() { [model.Graph.Inputs[0]] = x };
        return () => model.Session.Run(feeds, [output]);
    }

    /// <summary>The first output and the gradient of its elements' sum, as one graph: one forward and one backward pass and nothing else.</summary>
    private static Action Backward(OnnxModel model, NdArray x, Value output, Value at, int threads)
    {
        GradientGraph gradient = Gradient.Of(model.Graph, output, [at]);
        var session = new Session(gradient.Graph, threads);
        Dictionary<Value, NdArray> feeds = new() { [model.Graph.Inputs[0]] = x };
        Value[] fetches = [output, gradient.Required()];
        return () => session.Run(feeds, fetches);
    }

    private static double Median(double[] times)
    {
        double[] sorted = [.. times.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
