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
/// <remarks>All are run in turn, again and again, and the medians compared, so that what else the machine does falls on all alike; a multiple is
/// the median of those of the rounds.</remarks>
internal static class PropagationCost
{
    private const int WarmUp = 12;

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
        // Plans are compiled, and so is the code: it is optimised after some 30 calls, in the background.
        for (int round = 0; round < 3; round++, Thread.Sleep(200))
            foreach (Contender c in all)
                for (int i = 0; i < WarmUp; i++) c.Run();
        long once = Stopwatch.GetTimestamp();
        backward.Run();
        int inner = (int)Math.Clamp(3 / Stopwatch.GetElapsedTime(once).TotalMilliseconds, 1, 20); // at least a few milliseconds are timed
        for (int r = 0; r < repeat; r++)
            for (int k = 0; k < all.Length; k++)
            {
                int turn = (k + r) % all.Length; // in another order each time
                long started = Stopwatch.GetTimestamp();
                for (int i = 0; i < inner; i++) all[turn].Run();
                times[turn][r] = Stopwatch.GetElapsedTime(started).TotalMilliseconds / inner;
            }

        double[] medians = Array.ConvertAll(times, Median);
        for (int k = 3; k < all.Length; k++)
        {
            double[] pass = times[all[k].ToLayer ? 2 : 1];
            double ratio = Median([.. times[k].Zip(pass, (t, p) => t / p)]), fastest = times[k].Min() / pass.Min(); // of the same round
            Console.WriteLine($"| {Path.GetFileName(path)} | {rows} | {threads} | {medians[0]:F2} | {medians[1]:F2} | {medians[2]:F2} | {all[k].Name} | {medians[k]:F2} | {ratio:F2} | {fastest:F2} | {all[k].Bar} | {(all[k].Bar is not { } bar ? "" : ratio <= bar && fastest <= bar ? "met" : ratio > bar && fastest > bar ? "missed" : "about")} |");
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
