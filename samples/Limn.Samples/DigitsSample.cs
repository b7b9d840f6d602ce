using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;
using Limn.Engine.Training;

namespace Limn.Samples;

/// <summary>A convolutional network on UCI's handwritten digits: 8x8 grey values 0..16, ten classes.</summary>
internal static class DigitsSample
{
    public static void Make(string folder)
    {
        SampleData data = SampleData.Read(folder, testShare: 0.2);
        NdArray train = SampleData.Batch(data.Train, 1f / 16, 1, 8, 8), test = SampleData.Batch(data.Test, 1f / 16, 1, 8, 8);
        data.WriteTest(folder);
        Train(Network(), "model.onnx");
        Train(PooledNetwork(), "pooled.onnx");
        Train(AttentionNetwork(), "attention.onnx");

        void Train(Graph network, string file)
        {
            var trainer = new Trainer(network, Losses.CrossEntropy)
            {
                Optimizer = new Adam(2e-3f) { WeightDecay = 1e-4f },
                Epochs = 30,
                BatchSize = 32,
                Schedule = (epoch, optimizer) => optimizer.LearningRate = epoch > 20 ? 4e-4f : 2e-3f,
            };
            Graph model = trainer.Fit(train, Losses.OneHot(data.TrainLabels, 10));
            OnnxWriter.Write(model, Path.Combine(folder, file));
            Console.WriteLine($"digits, {file}: test accuracy {SampleData.Accuracy(model, test, data.TestLabels):P1} on {data.Test.Length} rows, {SampleData.Accuracy(model, train, data.TrainLabels):P1} on {data.Train.Length} training rows");
        }
    }

    /// <summary>A network that ends in the mean over positions and one linear layer, as class activation mapping (CAM) needs it.</summary>
    private static Graph PooledNetwork()
    {
        var g = new GraphBuilder("digits, pooled");
        ulong seed = 11;
        Value Weights(string name, params int[] dims) => g.Constant(Initialization.He(new CounterRandom(seed++), fanInFirst: dims.Length == 2, dims), name);
        Value Bias(string name, int size) => g.Constant(NdArray.Create(ElementType.Float, size), name);
        Value Layer(Operator op, string name, params Value?[] inputs) => g.Node(op, inputs, name: name, outputNames: [name])[0];

        var same = new SlidingWindow { Kernel = [3, 3], Pads = [1, 1, 1, 1] };
        Value x = g.Input("image", ElementType.Float, [Dim.Named("batch"), 1, 8, 8]);
        Value h = Layer(new Relu(), "relu1", Layer(new Conv(same), "conv1", x, Weights("conv1.weight", 16, 1, 3, 3), Bias("conv1.bias", 16)));
        h = Layer(new MaxPool(new SlidingWindow { Kernel = [2, 2], Strides = [2, 2] }), "pool1", h);
        h = Layer(new Relu(), "relu2", Layer(new Conv(same), "conv2", h, Weights("conv2.weight", 32, 16, 3, 3), Bias("conv2.bias", 32)));
        h = Layer(new Flatten { Axis = 1 }, "flatten", Layer(new GlobalAveragePool(), "mean", h));
        g.Output(Layer(new Gemm(), "logits", h, Weights("fc.weight", 32, 10), Bias("fc.bias", 10)));
        return g.Build();
    }

    /// <summary>A small vision transformer: 16 patches of 2 x 2 pixels, two layers in which they attend to each other, their mean, one linear layer.</summary>
    private static Graph AttentionNetwork()
    {
        const int Tokens = 16, Width = 24;
        var g = new GraphBuilder("digits, attention");
        ulong seed = 31;
        Value Weights(string name, params int[] dims) => g.Constant(Initialization.He(new CounterRandom(seed++), fanInFirst: dims.Length == 2, dims), name);
        Value Bias(string name, int size) => g.Constant(NdArray.Create(ElementType.Float, size), name);
        Value Layer(Operator op, string name, params Value?[] inputs) => g.Node(op, inputs, name: name, outputNames: [name])[0];

        Value x = g.Input("image", ElementType.Float, [Dim.Named("batch"), 1, 8, 8]);
        Value patches = Layer(new Conv(new SlidingWindow { Kernel = [2, 2], Strides = [2, 2] }), "patches", x, Weights("patches.weight", Width, 1, 2, 2), Bias("patches.bias", Width));
        Value h = g.Transpose(g.Reshape(patches, 0, Width, Tokens), 0, 2, 1);
        h = Layer(new Add(), "tokens", h, Weights("position", Tokens, Width));
        for (int layer = 1; layer <= 2; layer++)
        {
            Value query = g.MatMul(h, Weights($"query{layer}", Width, Width)), key = g.MatMul(h, Weights($"key{layer}", Width, Width)), value = g.MatMul(h, Weights($"value{layer}", Width, Width));
            Value scores = g.Scale(g.MatMul(query, g.Transpose(key, 0, 2, 1)), 1 / MathF.Sqrt(Width));
            Value attention = Layer(new Softmax { Axis = -1 }, $"attention{layer}", scores);
            h = Layer(new Add(), $"mixed{layer}", h, g.MatMul(attention, value));
            Value inner = g.Relu(g.Add(g.MatMul(h, Weights($"up{layer}", Width, 2 * Width)), Bias($"up{layer}.bias", 2 * Width)));
            h = Layer(new Add(), $"layer{layer}", h, g.MatMul(inner, Weights($"down{layer}", 2 * Width, Width)));
        }
        Value mean = g.ReduceMean(h, [1], keepDims: false);
        g.Output(Layer(new Gemm(), "logits", mean, Weights("fc.weight", Width, 10), Bias("fc.bias", 10)));
        return g.Build();
    }

    private static Graph Network()
    {
        var g = new GraphBuilder("digits");
        ulong seed = 1;
        Value Weights(string name, params int[] dims) => g.Constant(Initialization.He(new CounterRandom(seed++), fanInFirst: dims.Length == 2, dims), name);
        Value Bias(string name, int size) => g.Constant(NdArray.Create(ElementType.Float, size), name);
        Value Layer(Operator op, string name, params Value?[] inputs) => g.Node(op, inputs, name: name, outputNames: [name])[0];

        var same = new SlidingWindow { Kernel = [3, 3], Pads = [1, 1, 1, 1] };
        var halve = new SlidingWindow { Kernel = [2, 2], Strides = [2, 2] };
        Value x = g.Input("image", ElementType.Float, [Dim.Named("batch"), 1, 8, 8]);
        Value h = Layer(new Relu(), "relu1", Layer(new Conv(same), "conv1", x, Weights("conv1.weight", 16, 1, 3, 3), Bias("conv1.bias", 16)));
        h = Layer(new MaxPool(halve), "pool1", h);
        h = Layer(new Relu(), "relu2", Layer(new Conv(same), "conv2", h, Weights("conv2.weight", 32, 16, 3, 3), Bias("conv2.bias", 32)));
        h = Layer(new MaxPool(halve), "pool2", h);
        h = Layer(new Flatten { Axis = 1 }, "flatten", h);
        h = Layer(new Relu(), "relu3", Layer(new Gemm(), "fc1", h, Weights("fc1.weight", 128, 64), Bias("fc1.bias", 64)));
        g.Output(Layer(new Gemm(), "logits", h, Weights("fc2.weight", 64, 10), Bias("fc2.bias", 10)));
        return g.Build();
    }
}
