using Limn.Engine;
using Limn.Engine.Graphs;

namespace Limn.ClassActivation;

/// <summary>An input of the network over which a map can be laid: its axes without the rows are channels and the map's axes.</summary>
/// <param name="Index">Which input.</param>
/// <param name="ChannelAxis">Which axis counts channels.</param>
/// <param name="Spatial">The sizes of the others.</param>
internal sealed record MapInput(int Index, int ChannelAxis, int[] Spatial)
{
    /// <summary>The floating inputs of a network that have the map's number of axes.</summary>
    /// <exception cref="InvalidTargetException">There is none.</exception>
    public static IReadOnlyList<MapInput> Of(Question question, MapLayout layout) => Of(question, question.Inputs, layout);

    /// <param name="question">What is asked.</param>
    /// <param name="inputs">Arrays of the inputs' shapes.</param>
    /// <param name="layout">How the map is laid out.</param>
    public static IReadOnlyList<MapInput> Of(IAsked question, IReadOnlyList<NdArray> inputs, MapLayout layout)
    {
        Graph graph = question.Network.Graph;
        List<MapInput> found = [];
        for (int i = 0; i < graph.Inputs.Count; i++)
            if (graph.Inputs[i].Type.IsFloating() && inputs[i].Rank == layout.Spatial.Length + 2)
                found.Add(new MapInput(i, InputChannels.Axis(graph, graph.Inputs[i]), InputChannels.Spatial(graph, graph.Inputs[i], inputs[i].Dims)));
        return found.Count > 0 ? found : throw new InvalidTargetException(
            $"The map of '{question.Places[0].Name}' has the size {NdArray.Describe(layout.Spatial)}, and no input of the model has as many axes beside rows and channels, so it cannot be laid over one. Use grad-cam.");
    }

    /// <summary>Multiplies a row of the input's shape with a map of the input's size; every channel with the same.</summary>
    public void Multiply(Span<float> row, ReadOnlySpan<float> map)
    {
        int channels = row.Length / Math.Max(1, map.Length), outer = 1;
        for (int d = 0; d < ChannelAxis - 1; d++) outer *= Spatial[d];
        int inner = map.Length / outer;
        for (int o = 0; o < outer; o++)
            for (int c = 0; c < channels; c++)
                for (int k = 0; k < inner; k++) row[(o * channels + c) * inner + k] *= map[o * inner + k];
    }
}
