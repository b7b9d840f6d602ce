using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;

namespace Limn.ClassActivation;

/// <summary>How a map is brought to another size.</summary>
public enum MapInterpolation
{
    /// <summary>The value of the position ⌊i · from / to⌋.</summary>
    Nearest,

    /// <summary>Linear along each axis (bilinear on pictures, trilinear on volumes), positions' centres at half-integers, clamped at the edges.</summary>
    Bilinear,
}

/// <summary>Brings maps to another size, axis by axis. Both rules are PyTorch's <c>interpolate</c> with <c>align_corners=False</c>.</summary>
internal static class Upsampling
{
    /// <param name="map">The map in row-major order.</param>
    /// <param name="from">Its size.</param>
    /// <param name="to">The size wanted, of as many axes.</param>
    /// <param name="rule">How.</param>
    public static float[] Resize(ReadOnlySpan<float> map, int[] from, int[] to, MapInterpolation rule)
    {
        float[] current = map.ToArray();
        int[] size = [.. from];
        for (int axis = 0; axis < to.Length; axis++)
        {
            if (size[axis] == to[axis]) continue;
            current = Along(current, size, axis, to[axis], rule);
            size[axis] = to[axis];
        }
        return current;
    }

    /// <summary>The same in a graph: the axes from <paramref name="first"/> on are brought to another size.</summary>
    public static Value Resize(GraphBuilder graph, Value maps, int first, int[] to, MapInterpolation rule)
    {
        for (int axis = 0; axis < to.Length; axis++)
        {
            int had = maps.Shape![first + axis].Value, wanted = to[axis];
            if (had != wanted) maps = graph.Along(maps, first + axis, GraphMath.MatrixOf(had, unit => Along(unit, [had], 0, wanted, rule)));
        }
        return maps;
    }

    private static float[] Along(float[] map, int[] size, int axis, int wanted, MapInterpolation rule)
    {
        int had = size[axis], inner = NdArray.Count(size.AsSpan(axis + 1)), outer = NdArray.Count(size.AsSpan(0, axis));
        var result = new float[outer * wanted * inner];
        for (int i = 0; i < wanted; i++)
        {
            double centre = Math.Clamp((i + 0.5) * had / wanted - 0.5, 0, had - 1);
            int low = rule == MapInterpolation.Nearest ? (int)((long)i * had / wanted) : (int)centre, high = Math.Min(low + 1, had - 1);
            double share = rule == MapInterpolation.Nearest ? 0 : centre - low;
            for (int o = 0; o < outer; o++)
                for (int k = 0; k < inner; k++)
                {
                    float a = map[(o * had + low) * inner + k];
                    result[(o * wanted + i) * inner + k] = share == 0 ? a : (float)(a + share * ((double)map[(o * had + high) * inner + k] - a));
                }
        }
        return result;
    }
}
