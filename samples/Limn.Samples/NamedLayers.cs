using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine.Training;

namespace Limn.Samples;

/// <summary>Layers and weights of a network to be trained, all with names: those that users see.</summary>
/// <param name="graph">Where they are added.</param>
/// <param name="seed">The seed of the first weights; each further one has the next.</param>
internal sealed class NamedLayers(GraphBuilder graph, ulong seed)
{
    private ulong next = seed;

    /// <summary>Random weights.</summary>
    public Value Weights(string name, params int[] dims) => graph.Constant(Initialization.He(new CounterRandom(next++), fanInFirst: dims.Length == 2, dims), name);

    /// <summary>Zeros.</summary>
    public Value Bias(string name, int size) => graph.Constant(NdArray.Create(ElementType.Float, size), name);

    /// <summary>A node whose output bears its name.</summary>
    public Value Layer(Operator op, string name, params Value?[] inputs) => graph.Node(op, inputs, name: name, outputNames: [name])[0];
}
