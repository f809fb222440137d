# title: the order before each urgent one
# workload: tpch
SELECT o.o_orderkey,
  (SELECT p.o_totalprice FROM orders AS p WHERE p.o_custkey = o.o_custkey AND p.o_orderdate < o.o_orderdate
    ORDER BY p.o_orderdate DESC, p.o_orderkey DESC LIMIT 1) AS before
FROM orders AS o WHERE o.o_orderpriority = '1-URGENT' AND o.o_orderstatus = 'P';
