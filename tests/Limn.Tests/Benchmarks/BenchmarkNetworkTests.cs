using System.Numerics.Tensors;
using Limn.Benchmarks.Networks;
using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;

namespace Limn.Tests.Benchmarks;

public sealed class BenchmarkNetworkTests
{
    /// <summary>Published by torchvision, for DeiT-Ti by its authors; BERT's follow from its widths.</summary>
    [Theory]
    [InlineData("resnet18", 11_689_512)]
    [InlineData("squeezenet1_1", 1_235_496)]
    [InlineData("mobilenet_v2", 3_504_872)]
    [InlineData("vgg11", 132_863_336)]
    [InlineData("vit_tiny", 5_717_416)]
    [InlineData("bert", (30522 + 128 + 1) * 256 + 2 * 256 + 4 * (4 * 256 * 257 + 2 * 2 * 256 + 1024 * 257 + 256 * 1025) + 256 * 257 + 10 * 257)]
    public void Networks_have_the_published_number_of_parameters(string name, long parameters)
    {
        Network network = BenchmarkNetworks.All[name](true);
        Assert.Equal(parameters, network.Parameters);
        Assert.Equal(name == "bert" ? 10 : 1000, network.Graph.Outputs[0].Shape![1].Value);
    }

    [Fact]
    public void Random_weights_keep_the_scale_of_what_flows()
    {
        Network network = BenchmarkNetworks.All["squeezenet1_1"](false);
        NdArray scores = new Session(network.Graph).Run(network.Sample!.Rows(0, 1))[0];
        Assert.InRange(TensorPrimitives.Norm<float>(scores.Floats) / Math.Sqrt(scores.Length), 0.1, 10);
    }

    [Fact]
    public void Batch_normalisations_have_the_statistics_of_what_arrives()
    {
        var builder = new NetworkBuilder("small", ElementType.Float, Samples.Pictures(2, 12, 12), 3, 12, 12);
        Value y = builder.Norm(builder.Conv(builder.Input, "conv", 5, 3, pad: 1), "norm");
        Network network = builder.Done(y);
        NdArray[] ran = new Session(network.Graph).Run(new Dictionary<Value, NdArray> { [builder.Input] = network.Sample! }, [y]);
        NdArray scale = Named("norm.weight"), shift = Named("norm.bias");
        for (int c = 0; c < 5; c++)
        {
            double[] channel = [.. Enumerable.Range(0, 2).SelectMany(r => ran[0].Floats.Slice((r * 5 + c) * 144, 144).ToArray()).Select(v => (double)v)];
            double mean = channel.Average(), variance = channel.Average(v => (v - mean) * (v - mean));
            Assert.Equal(shift.Floats[c], mean, 1e-3);
            Assert.Equal(Math.Abs(scale.Floats[c]), Math.Sqrt(variance), 1e-3);
        }

        NdArray Named(string name) => network.Graph.Initializers.Single(i => i.Key.Name == name).Value;
    }
}
