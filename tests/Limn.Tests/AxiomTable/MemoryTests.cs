using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Tests.AxiomTable;

/// <summary>No method takes more memory for its runs than its budget, and what it computes does not depend on the budget.</summary>
public sealed class MemoryTests
{
    private const int Rows = 24, Side = 8;
    private const long Budget = 112 << 10;

    public static TheoryData<string> Names => [.. MethodRegistry.All.Where(m => !m.NeedsTrees).Select(m => m.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_method_stays_within_its_memory_budget(string name)
    {
        MethodDescription method = MethodRegistry.Find(name);
        NdArray x = Networks.Random(5, Rows, 3, Side, Side);

        (Attribution wide, long free) = Explain(method, x, 1L << 30);
        (Attribution tight, long held) = Explain(method, x, Budget);

        Assert.True(free > Budget, $"{name}: {free} bytes without a limit are no test of one.");
        Assert.True(held <= Budget, $"{name}: a run took {held} bytes of a budget of {Budget}.");
        float[] expected = Numbers.Of(wide.Values), values = Numbers.Of(tight.Values);
        float size = expected.Max(Math.Abs);
        for (int i = 0; i < values.Length; i++) Assert.True(Math.Abs(values[i] - expected[i]) <= 1e-4f * size, $"{name}: element {i} is {values[i]}, and {expected[i]} without a limit");
    }

    private static (Attribution Attribution, long PeakBytes) Explain(MethodDescription method, NdArray x, long budget)
    {
        OnnxModel model = method.Name.StartsWith("attention", StringComparison.Ordinal) ? Networks.Attending(3, Side, 4, width: 32) : Network();
        Dictionary<string, string> options = [];
        foreach (string option in (string[])["steps", "samples"])
            if (method.Options.Any(o => o.Name == option)) options[option] = method.Type == typeof(Limn.Games.KernelShap) ? "40" : "5"; // Kernel SHAP needs two for each of seven groups
        NdArray groups = NdArray.Create(ElementType.Float, 3, Side, Side);
        for (int i = 0; i < groups.Length; i++) groups.Floats[i] = i % 7;
        var data = new MethodData { Mask = method.TakesMask ? [groups] : null, Neuron = method.TakesNeuron ? Target.Neuron("logits", 2) : null };
        Attribution a = MethodRegistry.Create(method.Name, model, options, data)
            .Explain([x], Target.Class(1), new ExplainOptions { At = method.NeedsLayer ? "maps" : null, MemoryBudget = budget });
        return (a, model.PeakBytes);
    }

    /// <summary>Two convolutions, with ReLUs, the mean over positions, a dense layer.</summary>
    private static OnnxModel Network()
    {
        var g = new GraphBuilder();
        var same = new SlidingWindow { Pads = [1, 1, 1, 1] };
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 3, Side, Side]);
        Value h = g.Relu(g.Conv(x, g.Constant(Networks.Random(1, 8, 3, 3, 3)), window: same));
        h = g.Node(new Relu(), [g.Conv(h, g.Constant(Networks.Random(2, 16, 8, 3, 3)), window: same)], name: "maps", outputNames: ["a"])[0];
        g.Output(g.Node(new MatMul(), [g.Flatten(g.GlobalAveragePool(h)), g.Constant(Networks.Random(3, 16, 4))], name: "logits", outputNames: ["y"])[0]);
        return new OnnxModel(g.Build());
    }
}
