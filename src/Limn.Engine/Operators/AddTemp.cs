using Limn.Engine.Graphs;
namespace Limn.Engine.Operators;
public static class Temp { public static Value Sum(this GraphBuilder g, params Value[] x) => x[0]; }
