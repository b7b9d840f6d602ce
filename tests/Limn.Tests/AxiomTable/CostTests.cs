using System.Globalization;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Games;
using Limn.Games.Local;
using Limn.Models;

namespace Limn.Tests.AxiomTable;

/// <summary>The costs in the table of methods are those that are counted.</summary>
public sealed class CostTests
{
    private const int Rows = 3, Channels = 4, Side = 6;

    public static TheoryData<string> Names => [.. MethodRegistry.All.Where(m => !m.NeedsTrees).Select(m => m.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_method_costs_what_the_table_says(string name)
    {
        MethodDescription method = MethodRegistry.Find(name);
        OnnxModel model = name.StartsWith("attention", StringComparison.Ordinal) ? Networks.Attending(1, Side, 3) : Network();
        Dictionary<string, string> options = [];
        foreach (string option in (string[])["steps", "samples"])
            if (method.Options.Any(o => o.Name == option)) options[option] = "7"; // not the default, so that the option is what counts
        Baseline baseline = Baseline.Several(Baseline.Value(0.1f), Baseline.Value(-0.2f));
        bool several = method.Cost.Contains("baselines", StringComparison.Ordinal) || method.Cost.Contains("background", StringComparison.Ordinal);
        bool game = typeof(GameMethod).IsAssignableFrom(method.Type), enumerated = method.Cost.Contains("coalitions", StringComparison.Ordinal);
        if (method.Type == typeof(KernelShap)) options["samples"] = "90"; // it needs two for each player
        if (method.Type == typeof(Anchors)) options.Remove("samples"); // the most it may take, with room for a few of each feature
        NdArray quarters = new([.. Enumerable.Range(0, Side * Side).Select(i => (long)(4 * i / (Side * Side)))], 1, Side, Side);
        var data = new MethodData { Baseline = several ? baseline : null, Neuron = method.TakesNeuron ? Target.Neuron("hidden", 2) : null, Mask = enumerated ? [quarters] : null };
        Method made = MethodRegistry.Create(name, model, options, data);

        Attribution a = made.Explain([Networks.Random(5, Rows, 1, Side, Side)], Target.Class(1), new ExplainOptions { At = made.NeedsLayer ? "maps" : null });

        double expected = Rows * CostText.Calls(method.Cost, word => word switch
        {
            "elements" => Side * Side,
            "windows" => Side * Side, // of one element, an eighth of a short side
            "channels" => Channels,
            "baselines" or "background" => 2,
            "players" => Side * Side,
            "others" => Side * Side - 1,
            "coalitions" => 15,
            _ => Convert.ToDouble(a.Options[word], CultureInfo.InvariantCulture),
        });
        if (method.Type == typeof(Anchors)) Assert.InRange(a.ModelCalls, Rows, expected);
        else if (game && !enumerated) Assert.InRange(a.ModelCalls, 0.85 * expected, expected);
        else Assert.Equal(expected, a.ModelCalls);
    }

    [Fact]
    public void A_cost_is_read_as_sums_of_products() => Assert.Equal(2 + 3 * (1 + 5 * 2), CostText.Calls("2 × forward + 3 × (forward + steps × (forward + backward + backward) × 2)", _ => 5));

    /// <summary>A convolution, ReLU ("maps"), the mean over positions, a dense layer ("hidden").</summary>
    private static OnnxModel Network()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, Side, Side]);
        Value z = g.Conv(x, g.Constant(Networks.Random(1, Channels, 1, 3, 3)));
        Value maps = g.Node(new Relu(), [z], name: "maps", outputNames: ["a"])[0];
        Value y = g.MatMul(g.Flatten(g.GlobalAveragePool(maps)), g.Constant(Networks.Random(3, Channels, 3)));
        g.Output(g.Node(new Add(), [y, g.Constant(Networks.Random(4, 3))], name: "hidden", outputNames: ["y"])[0]);
        return new OnnxModel(g.Build());
    }
}
