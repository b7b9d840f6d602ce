using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine.Training;

namespace Limn.Engine.Tests.Training;

public sealed class TrainerTests
{
    private static Graph Linear(int inputs, int outputs)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), inputs]);
        g.Output(g.Add(g.MatMul(x, g.Constant(NdArray.Create(ElementType.Float, inputs, outputs), "W")), g.Constant(NdArray.Create(ElementType.Float, outputs), "b")), "y");
        return g.Build();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_linear_model_finds_the_true_weights(bool adam)
    {
        const int Rows = 200;
        var x = new float[Rows * 2];
        new CounterRandom(1).FillNormal(x);
        float[] y = [.. Enumerable.Range(0, Rows).Select(r => 3 * x[2 * r] - 2 * x[2 * r + 1] + 0.5f)];
        var trainer = new Trainer(Linear(2, 1), Losses.MeanSquaredError) { Optimizer = adam ? new Adam(0.05f) : new Sgd(0.02f), Epochs = 60 };
        Graph trained = trainer.Fit(new NdArray(x, Rows, 2), new NdArray(y, Rows, 1));
        float[] w = trained.Initializers[trained.Find("W")!].Floats.ToArray();
        Assert.Equal(3, w[0], 2);
        Assert.Equal(-2, w[1], 2);
        Assert.Equal(0.5, trained.Initializers[trained.Find("b")!].Floats[0], 2);
    }

    [Fact]
    public void Cross_entropy_is_the_negative_log_probability_of_the_class()
    {
        var g = new GraphBuilder();
        Value logits = g.Input("logits", ElementType.Float, [2, 3]), target = g.Input("target", ElementType.Float, [2, 3]);
        g.Output(Losses.CrossEntropy(g, logits, target));
        float loss = new Session(g.Build()).Run(new NdArray([1f, 2, 3, 0, 0, 0], 2, 3), Losses.OneHot([2, 0], 3))[0].Floats[0];
        double expected = 0.5 * (Math.Log(Math.Exp(-2) + Math.Exp(-1) + 1) + Math.Log(3));
        Assert.Equal(expected, loss, 5);
    }

    [Fact]
    public void A_network_learns_what_no_line_separates_and_the_seed_decides_every_bit()
    {
        var points = new float[400];
        new CounterRandom(5).FillUniform(points);
        int[] classes = [.. Enumerable.Range(0, 200).Select(r => (points[2 * r] > 0.5f) ^ (points[2 * r + 1] > 0.5f) ? 1 : 0)];
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        Value h = g.Relu(g.Add(g.MatMul(x, g.Constant(Initialization.He(new CounterRandom(1), fanInFirst: true, 2, 16), "W1")), g.Constant(NdArray.Create(ElementType.Float, 16), "b1")));
        g.Output(g.Add(g.MatMul(h, g.Constant(Initialization.He(new CounterRandom(2), fanInFirst: true, 16, 2), "W2")), g.Constant(NdArray.Create(ElementType.Float, 2), "b2")), "y");
        Graph graph = g.Build();
        NdArray rows = new(points, 200, 2);

        Graph Fit(int threads) => new Trainer(graph, Losses.CrossEntropy) { Optimizer = new Adam(0.02f), Epochs = 120, Seed = 7, Threads = threads }.Fit(rows, Losses.OneHot(classes, 2));
        Graph trained = Fit(1);
        float[] logits = new Session(trained).Run(rows)[0].Floats.ToArray();
        int right = classes.Where((c, r) => (logits[2 * r + 1] > logits[2 * r] ? 1 : 0) == c).Count();
        Assert.True(right >= 190, $"{right} of 200");
        Assert.Equal(trained.Initializers[trained.Find("W1")!].Floats.ToArray(), Fit(3).Initializers[graph.Find("W1")!].Floats.ToArray());
        Assert.NotEqual(graph.Initializers[graph.Find("W1")!].Floats.ToArray(), trained.Initializers[trained.Find("W1")!].Floats.ToArray());
    }

    [Fact]
    public void A_diverging_run_says_so()
    {
        var trainer = new Trainer(Linear(1, 1), Losses.MeanSquaredError) { Optimizer = new Sgd(1e20f), Epochs = 20 };
        var e = Assert.Throws<LimnException>(() => trainer.Fit(new NdArray([1f, 2, 3], 3, 1), new NdArray([1f, 2, 3], 3, 1)));
        Assert.Contains("learning rate", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Different_numbers_of_rows_are_refused() =>
        Assert.Throws<ShapeMismatchException>(() => new Trainer(Linear(1, 1), Losses.MeanSquaredError).Fit(new NdArray(new float[3], 3, 1), new NdArray(new float[2], 2, 1)));
}
