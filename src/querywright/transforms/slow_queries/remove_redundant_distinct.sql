# title: DISTINCT over a primary key
# workload: tpch
SELECT DISTINCT o_orderkey, o_custkey, o_totalprice FROM orders WHERE o_totalprice > 1000;

# title: UNION of branches that share no row
# workload: tpch
SELECT l_orderkey, l_linenumber, l_comment FROM lineitem WHERE l_quantity < 20
UNION SELECT l_orderkey, l_linenumber, l_comment FROM lineitem WHERE l_quantity >= 20;
