using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;
using Limn.Engine.Training;

namespace Limn.Samples;

/// <summary>A multi-layer perceptron on UCI's wine: thirteen measurements in their own units, three growers. The standardisation is part of the model.</summary>
internal static class WineSample
{
    private const int Features = 13;

    public static void Make(string folder)
    {
        SampleData data = SampleData.Read(folder, testShare: 0.25);
        NdArray train = SampleData.Batch(data.Train, 1, Features), test = SampleData.Batch(data.Test, 1, Features);
        Graph start = Network(data.Train);
        var trainer = new Trainer(start, Losses.CrossEntropy)
        {
            Optimizer = new Adam(5e-3f) { WeightDecay = 0.01f },
            Epochs = 60,
            BatchSize = 16,
            Parameters = [.. new[] { "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias" }.Select(n => start.Find(n)!)],
        };
        Graph model = trainer.Fit(train, Losses.OneHot(data.TrainLabels, 3));
        OnnxWriter.Write(model, Path.Combine(folder, "model.onnx"));
        data.WriteTest(folder);
        Console.WriteLine($"wine: test accuracy {SampleData.Accuracy(model, test, data.TestLabels):P1} on {data.Test.Length} rows, {SampleData.Accuracy(model, train, data.TrainLabels):P1} on {data.Train.Length} training rows");
    }

    private static Graph Network(float[][] rows)
    {
        var g = new GraphBuilder("wine");
        float[] mean = [.. Enumerable.Range(0, Features).Select(c => (float)rows.Average(r => (double)r[c]))];
        float[] deviation = [.. Enumerable.Range(0, Features).Select(c => (float)Math.Sqrt(rows.Average(r => Math.Pow(r[c] - mean[c], 2))))];
        Value Layer(Operator op, string name, params Value?[] inputs) => g.Node(op, inputs, name: name, outputNames: [name])[0];

        Value x = g.Input("features", ElementType.Float, [Dim.Named("batch"), Features]);
        Value h = Layer(new Div(), "standardized", Layer(new Sub(), "centred", x, g.Constant(NdArray.Vector(mean), "mean")), g.Constant(NdArray.Vector(deviation), "deviation"));
        h = Layer(new Gemm(), "fc1", h, g.Constant(Initialization.He(new CounterRandom(1), fanInFirst: true, Features, 16), "fc1.weight"), g.Constant(NdArray.Create(ElementType.Float, 16), "fc1.bias"));
        h = Layer(new Relu(), "relu", h);
        g.Output(Layer(new Gemm(), "logits", h, g.Constant(Initialization.He(new CounterRandom(2), fanInFirst: true, 16, 3), "fc2.weight"), g.Constant(NdArray.Create(ElementType.Float, 3), "fc2.bias")));
        return g.Build();
    }
}
